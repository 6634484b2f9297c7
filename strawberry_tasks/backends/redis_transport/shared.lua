-- What every script of the transport begins with, after `call.lua`. KEYS[1] is a queue, {namespace}:queue:{name}. What it consists of:
--   :messages    hash: id → the encoded message, as long as the message is known
--   :sequence    the number that the last place was given
--   :bases       hash: id → what its priority gives to its place, of a delayed one that has any
--   :ready       sorted set: id → its place; the higher priority first, then the earlier
--   :delayed     sorted set: id → when it is due, ms since the epoch
--   :leases      sorted set: id → when the lease of its delivery lapses, ms since the epoch
--   :deliveries  hash: id → the token of its delivery, as long as it counts: when it was handed out, in microseconds, and its place
--   :lapses      hash: id → how many of its leases lapsed
--   :started     hash: id → 1, if a message of which a lease had lapsed before was begun again
--   :wake        list: one token, if there is something ready and nobody may have noticed
--   :pulse       hash: when any worker was heard of last, and until when no lease is taken for lapsed
--   :dead        sorted set: id → when it was buried, ms since the epoch
--   :letters     hash: id → the encoded message, of a dead one
--   :reasons     hash: id → why it is dead
--   :untold      sorted set: id → when the worker that asks next has to tell about its death
local queue = KEYS[1]
local messages, bases, sequence = queue .. ':messages', queue .. ':bases', queue .. ':sequence'
local ready, delayed, leases = queue .. ':ready', queue .. ':delayed', queue .. ':leases'
local deliveries, lapses, started = queue .. ':deliveries', queue .. ':lapses', queue .. ':started'
local wake_list, pulse = queue .. ':wake', queue .. ':pulse'
local dead, letters, reasons, untold = queue .. ':dead', queue .. ':letters', queue .. ':reasons', queue .. ':untold'

-- One step of priority in a place. Below it there is room for the sequence, above it for priorities of ten bits and a sign.
local STEP = 4398046511104

-- Lets a script write though memory is short: Redis refuses the first write of a script if that may take memory, and after one that
-- cannot, such as this, none. All begin with it but the one that enqueues.
local function write_though_full()
  raw('DEL', queue .. ':nothing')
end

local function now_ms()
  local time = raw('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- One token wakes one sleeper, whose fetch puts in another if it leaves something.
local function wake()
  if raw('EXISTS', wake_list) == 0 then
    raw('RPUSH', wake_list, '1')
    raw('PEXPIRE', wake_list, '60000')
  end
end

-- The number of the next place. What is no number there gives way to one that is larger than all before.
local function next_number()
  local it = try('INCR', sequence)
  if type(it) ~= 'number' or it >= STEP then
    it = now_ms()
    call('SET', sequence, text(it))
  end
  return it
end

-- The last place of its priority.
local function queue_up(id, base)
  call('ZADD', ready, text(base + next_number()), id)
end

local function put_off(id, base, due)
  if base ~= 0 then
    call('HSET', bases, id, text(base))
  end
  call('ZADD', delayed, text(due), id)
end

-- One that was put off.
local function promote(id)
  local base = call('HGET', bases, id)
  if base then
    call('HDEL', bases, id)
  end
  queue_up(id, number(base) or 0)
end

local function place_of(id)
  return number(string.match(call('HGET', deliveries, id) or '', ' (.+)$')) or 0
end

local function base_of(place)
  return math.floor(place / STEP) * STEP
end

-- Where it has stood before.
local function put_back(id)
  call('ZADD', ready, text(place_of(id)), id)
end

local function holds(id, token)
  return call('HGET', deliveries, id) == token
end

local function forget(id)
  if call('ZREM', leases, id) == 0 then
    call('ZREM', ready, id)
    call('ZREM', delayed, id)
    call('HDEL', bases, id)
  end
  call('HDEL', messages, id)
  call('HDEL', deliveries, id)
  if raw('EXISTS', lapses, started) > 0 then
    call('HDEL', lapses, id)
    call('HDEL', started, id)
  end
  if raw('EXISTS', messages) == 0 then
    raw('DEL', sequence, wake_list)
  end
end

local function drop_letter(id)
  call('ZREM', dead, id)
  call('HDEL', letters, id)
  call('HDEL', reasons, id)
  call('ZREM', untold, id)
end

-- Who calls this tells about it, or else whoever asks after `patience` ms.
local function bury(id, message, reason, now, retention, patience)
  forget(id)
  for _, old in ipairs(call('ZRANGEBYSCORE', dead, '-inf', text(now - retention), 'LIMIT', 0, 100)) do
    drop_letter(old)
  end
  call('ZADD', dead, text(now), id)
  -- Of one that was lost, its id is all that there is.
  call('HSET', letters, id, message or '')
  call('HSET', reasons, id, reason)
  call('ZADD', untold, text(now + patience), id)
  for _, key in ipairs({dead, letters, reasons, untold}) do
    raw('PEXPIRE', key, text(retention))
  end
end

-- Notes that a worker is there, and returns from when on a lapsed lease means a lost worker: when nobody was heard of for as
-- long as a lease takes, it was the server that could not be reached, and the holders get the time of a lease to renew. They
-- renew each third of it, so that some lapse in a silence of more than two thirds: after more than half of it they get half of it.
-- Idle workers ask each second, which is no silence however short the lease.
local function beat(now, lease)
  local it = call('HMGET', pulse, 'seen', 'grace')
  local seen, grace = number(it[1]), number(it[2]) or 0
  -- No grace is as long as a day.
  grace = grace < now + 86400000 and grace or 0
  local silence = seen and now - seen or lease + 1
  if silence > math.max(lease / 2, math.min(lease, 1500)) then
    local wait = silence > lease and lease or lease / 2
    grace = math.max(grace, math.floor(now + wait))
    call('HSET', pulse, 'grace', text(grace))
  end
  call('HSET', pulse, 'seen', text(now))
  raw('PEXPIRE', pulse, text(lease * 4))
  return grace
end
