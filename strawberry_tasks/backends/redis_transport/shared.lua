-- What every script of the transport begins with. KEYS[1] is a queue, {namespace}:queue:{name}. What it consists of:
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
  redis.call('DEL', queue .. ':nothing')
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function text(number)
  return string.format('%.0f', number)
end

-- One token wakes one sleeper, whose fetch puts in another if it leaves something.
local function wake()
  if redis.call('EXISTS', wake_list) == 0 then
    redis.call('RPUSH', wake_list, '1')
    redis.call('PEXPIRE', wake_list, '60000')
  end
end

-- The last place of its priority.
local function queue_up(id, base)
  redis.call('ZADD', ready, text(base + redis.call('INCR', sequence)), id)
end

local function put_off(id, base, due)
  if base ~= 0 then
    redis.call('HSET', bases, id, text(base))
  end
  redis.call('ZADD', delayed, text(due), id)
end

-- One that was put off.
local function promote(id)
  local base = redis.call('HGET', bases, id)
  if base then
    redis.call('HDEL', bases, id)
  end
  queue_up(id, base or 0)
end

local function place_of(id)
  return string.match(redis.call('HGET', deliveries, id) or '', ' (.+)$') or '0'
end

local function base_of(place)
  return math.floor(place / STEP) * STEP
end

-- Where it has stood before.
local function put_back(id)
  redis.call('ZADD', ready, place_of(id), id)
end

local function holds(id, token)
  return redis.call('HGET', deliveries, id) == token
end

local function forget(id)
  if redis.call('ZREM', leases, id) == 0 then
    redis.call('ZREM', ready, id)
    redis.call('ZREM', delayed, id)
    redis.call('HDEL', bases, id)
  end
  redis.call('HDEL', messages, id)
  redis.call('HDEL', deliveries, id)
  if redis.call('EXISTS', lapses, started) > 0 then
    redis.call('HDEL', lapses, id)
    redis.call('HDEL', started, id)
  end
  if redis.call('EXISTS', messages) == 0 then
    redis.call('DEL', sequence, wake_list)
  end
end

local function drop_letter(id)
  redis.call('ZREM', dead, id)
  redis.call('HDEL', letters, id)
  redis.call('HDEL', reasons, id)
  redis.call('ZREM', untold, id)
end

-- Who calls this tells about it, or else whoever asks after `patience` ms.
local function bury(id, message, reason, now, retention, patience)
  forget(id)
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', dead, '-inf', text(now - retention), 'LIMIT', 0, 100)) do
    drop_letter(old)
  end
  redis.call('ZADD', dead, text(now), id)
  redis.call('HSET', letters, id, message)
  redis.call('HSET', reasons, id, reason)
  redis.call('ZADD', untold, text(now + patience), id)
  for _, key in ipairs({dead, letters, reasons, untold}) do
    redis.call('PEXPIRE', key, text(retention))
  end
end

-- Notes that a worker is there, and returns from when on a lapsed lease means a lost worker: when nobody was heard of for as
-- long as a lease takes, it was the server that could not be reached, and the holders get the time of a lease to renew. They
-- renew each third of it, so that some lapse in a silence of more than two thirds: after more than half of it they get half of it.
-- Idle workers ask each second, which is no silence however short the lease.
local function beat(now, lease)
  local seen, grace = unpack(redis.call('HMGET', pulse, 'seen', 'grace'))
  local silence = seen and now - seen or lease + 1
  if silence > math.max(lease / 2, math.min(lease, 1500)) then
    local wait = silence > lease and lease or lease / 2
    grace = text(math.max(tonumber(grace or 0), math.floor(now + wait)))
    redis.call('HSET', pulse, 'grace', grace)
  end
  redis.call('HSET', pulse, 'seen', text(now))
  redis.call('PEXPIRE', pulse, text(lease * 4))
  return tonumber(grace)
end
