-- What every script of the store begins with. A run's record is a hash, {prefix}run:{id}: the text fields of a snapshot, and `arguments`.
-- Its id stands in two sorted sets by the microsecond of its creation: {prefix}runs, and {prefix}owner:{owner} if it has one.
-- While it is RUNNING, {prefix}leases, a sorted set, tells the millisecond at which its attempt is lost unless it renews that.
-- {prefix}kept, a sorted set, holds each run and its owner, by the millisecond until which its record is kept at least.
-- One that has to be started by some time stands in {prefix}expiring, a sorted set by that millisecond, until its first attempt.
-- {prefix}key:{name}:{key} holds the id of the live run of that task and key.
-- Of runs that are limited together, {prefix}limit:{group}, a sorted set, holds those that are RUNNING, and {prefix}waiting:{group}
-- those that wait for one of them to end, by the microsecond since which they do. Their fields `limit_group` and `limit` are known
-- to the scripts only, as are `token`, of the claim that began the attempt, and `lost`, the attempt that was lost last.

-- Microseconds since the epoch by the server's clock, exact as a double until the year 2255. It stands still during a script.
local micros
local function now_micros()
  if not micros then
    local time = raw('TIME')
    micros = time[1] * 1000000 + time[2]
  end
  return micros
end

local function millis(micros)
  return text(math.floor(micros / 1000))
end

local function now_millis()
  return math.floor(now_micros() / 1000)
end

-- Lets a script write though memory is short: Redis refuses the first write of a script if that may take memory, and after one that
-- cannot, such as this, none. Whatever ends, renews or shrinks something begins with it. What creates a run does not, nor does progress.
local function write_though_full(prefix)
  raw('DEL', prefix .. 'nothing')
end

-- Tells how much memory a script may take that writes though it is short: up to a tenth beyond `maxmemory`. False if it is not short.
-- For scripts that have written nothing yet.
local function room_though_full(prefix)
  local refusal = redis.pcall('SETRANGE', prefix .. 'nothing', 0, '')
  if type(refusal) == 'number' or not string.find(refusal.err, 'OOM', 1, true) then
    return false
  end
  local memory = redis.pcall('INFO', 'memory')
  if type(memory) ~= 'string' then
    return 0
  end
  local function bytes(name)
    return tonumber(string.match(memory, '\n' .. name .. ':(%d+)')) or 0
  end
  return bytes('maxmemory') * 1.1 - bytes('used_memory') + bytes('mem_not_counted_for_evict')
end

local function is_terminal(status)
  return status == 'COMPLETED' or status == 'FAILED' or status == 'CANCELED'
end

local function is_live(status)
  return status == 'PENDING' or status == 'RUNNING' or status == 'RETRYING'
end

-- Reads fields of a record, which is nobody's to mend: of one that is no hash there are none.
local function fields(prefix, id, ...)
  local it = try('HMGET', prefix .. 'run:' .. id, ...)
  return it.err and {damaged = true} or it
end

-- What a script answers that cannot go by a record.
local function unreadable(run)
  return redis.error_reply('UNREADABLE ' .. run.id)
end

-- Lets a key live for so many milliseconds more at least, give or take a minute, which spares most calls a write.
local function keep(key, ttl)
  if raw('PTTL', key) < ttl - 60000 then
    raw('PEXPIRE', key, text(ttl))
  end
end

-- The indexes have to outlive the runs in them.
local function keep_indexes(prefix, owner, ttl)
  keep(prefix .. 'runs', ttl)
  keep(prefix .. 'kept', ttl)
  if owner then
    keep(prefix .. 'owner:' .. owner, ttl)
  end
end

-- Notes until when a record is kept at least; `purge` looks at it then.
local function keep_until(prefix, id, owner, moment)
  call('ZADD', prefix .. 'kept', millis(moment), id .. ' ' .. (owner or ''))
end

-- Drops from the indexes some runs whose records have expired, and returns how many it looked at.
local function purge(prefix, most)
  local kept, now = prefix .. 'kept', now_micros()
  local gone, entries = {}, {}
  local due = call('ZRANGEBYSCORE', kept, '-inf', millis(now), 'LIMIT', 0, most)
  for _, entry in ipairs(due) do
    local id, owner = string.match(entry, '^(%S+) (.*)$')
    local left = id and raw('PTTL', prefix .. 'run:' .. id)
    if left == -1 then
      -- It would stay for ever.
      left = 86400000
      raw('PEXPIRE', prefix .. 'run:' .. id, text(left))
    end
    if left and left > 0 then
      keep_until(prefix, id, owner, now + left * 1000)
    else
      entries[#entries + 1] = entry
      -- A member that is none of ours names no run.
      gone[#gone + 1] = id
      if id and owner ~= '' then
        call('ZREM', prefix .. 'owner:' .. owner, id)
      end
    end
  end
  if #gone > 0 then
    call('ZREM', prefix .. 'runs', unpack(gone))
  end
  if #entries > 0 then
    call('ZREM', kept, unpack(entries))
  end
  return #due
end

-- Tells that a run changed, never to what: who wants to know reads, so that a lost message costs time and not truth.
local function announce(prefix, id, owner, version)
  local notice = id .. ' ' .. version
  raw('PUBLISH', prefix .. 'run:' .. id, notice)
  raw('PUBLISH', prefix .. 'all', notice)
  if owner then
    raw('PUBLISH', prefix .. 'owner:' .. owner, notice)
  end
end

-- What the scripts go by, of a run; false for what its record does not have. It is damaged if they cannot go by that: it may be of
-- a version that knows more. Then nothing is to be done to it.
local function look(prefix, id)
  local it = fields(
    prefix, id,
    'status', 'version', 'attempt', 'owner', 'token', 'lost', 'cancel_requested',
    'name', 'key', 'start_by', 'scheduled_for', 'limit_group', 'limit'
  )
  local status, version, attempt, group, limit = it[1], it[2], it[3], it[12], number(it[13])
  local is_known = is_live(status) or is_terminal(status)
  local damaged = it.damaged
    or (is_known and not (number(version) and (not attempt or number(attempt)) and (not group or limit)))
    or (not is_known and (status or version or it[8]))
    or (it[9] and not it[8]) or (it[10] and not number(it[10]))
  return {
    id = id, record = prefix .. 'run:' .. id, damaged = damaged,
    status = status, version = version, attempt = attempt, owner = it[4], token = it[5], lost = it[6], canceled = it[7] == '1',
    name = it[8], key = it[9], start_by = it[10], scheduled_for = it[11], group = group, limit = limit,
  }
end

-- Gives free the place that a RUNNING run has among those that are limited with it.
local function leave(prefix, run)
  if run.group then
    call('ZREM', prefix .. 'limit:' .. run.group, run.id)
    call('ZREM', prefix .. 'waiting:' .. run.group, run.id)
  end
end

-- Gives free what a live run holds.
local function free(prefix, run)
  leave(prefix, run)
  if run.key then
    local holder = prefix .. 'key:' .. run.name .. ':' .. run.key
    if call('GET', holder) == run.id then
      raw('DEL', holder)
    end
  end
  if run.start_by then
    call('ZREM', prefix .. 'expiring', run.id)
  end
  if run.status == 'RUNNING' then
    call('ZREM', prefix .. 'leases', run.id)
  end
end

-- Writes fields of a run as its next version, which it returns; `announce` tells about it.
local function write(run, ...)
  run.version = text(run.version + 1)
  raw('HSET', run.record, 'version', run.version, ...)
  return run.version
end

-- Ends a run with these fields, gives free what it held, and tells about it.
local function finish(prefix, run, ttl, ...)
  local now = now_micros()
  write(run, 'completed_at', millis(now), 'expires_at', millis(now + ttl * 1000), ...)
  if run.scheduled_for then
    raw('HDEL', run.record, 'scheduled_for')
  end
  raw('PEXPIRE', run.record, text(ttl))
  keep_until(prefix, run.id, run.owner, now + ttl * 1000)
  free(prefix, run)
  keep_indexes(prefix, run.owner, ttl)
  announce(prefix, run.id, run.owner, run.version)
end

-- Ends a run that was not started in time.
local function expire(prefix, run, ttl, failure)
  finish(prefix, run, ttl, 'status', 'FAILED', 'failure', failure)
end

-- Leases an attempt from now on.
local function hold(prefix, id, lease, ttl)
  call('ZADD', prefix .. 'leases', text(now_millis() + lease), id)
  keep(prefix .. 'leases', ttl)
end

-- Returns the millisecond until which no attempt counts as lost. Nobody could renew a lease while the server was away: if nobody
-- was heard of for longer than a lease, {prefix}pulse, a hash, remembers to wait for another one. Leases are renewed each third
-- of their time, so that some lapse in a silence of more than two thirds: after more than half of a lease it waits half of one.
-- Whoever watches sweeps each second, which is no silence however short the lease.
-- A silence that begins in such a grace is granted another one only if some attempt was renewed meanwhile: else it is a lone
-- worker that came back as late as it was told to, and would wait for ever.
local function grace_end(prefix, lease, ttl, renews)
  local key, now = prefix .. 'pulse', now_millis()
  local it = call('HMGET', key, 'heard', 'grace', 'begun', 'renewed')
  local heard, grace, begun, renewed = number(it[1]), number(it[2]) or 0, number(it[3]), number(it[4]) or 0
  -- No grace is as long as a day.
  grace = grace < now + 86400000 and grace or 0
  local silence = heard and now - heard or 0
  local is_lone = begun and heard and heard < grace and renewed <= begun
  if silence > math.max(lease / 2, math.min(lease, 1500)) and not is_lone then
    local wait = silence > lease and lease or lease / 2
    grace = math.max(grace, math.floor(now + wait))
    call('HSET', key, 'begun', text(now))
    call('HSET', key, 'grace', text(grace))
  end
  if renews then
    call('HSET', key, 'renewed', text(now))
  end
  call('HSET', key, 'heard', text(now))
  keep(key, ttl)
  return grace
end

-- Takes a RUNNING run from an attempt whose lease has lapsed, and returns its new status.
local function lose(prefix, run, live_ttl, result_ttl, failure)
  local retries, given_back = unpack(fields(prefix, run.id, 'max_retries', 'given_back'), 1, 2)
  if run.canceled then
    finish(prefix, run, result_ttl, 'status', 'CANCELED', 'lost', run.attempt)
    return 'CANCELED'
  end
  if (run.attempt or 0) - (number(given_back) or 0) > (number(retries) or 0) then
    finish(prefix, run, result_ttl, 'status', 'FAILED', 'lost', run.attempt, 'failure', failure)
    return 'FAILED'
  end
  write(run, 'status', 'RETRYING', 'lost', run.attempt, 'failure', failure, 'scheduled_for', text(now_millis()))
  call('ZREM', prefix .. 'leases', run.id)
  leave(prefix, run)
  keep(run.record, live_ttl)
  keep_indexes(prefix, run.owner, live_ttl)
  announce(prefix, run.id, run.owner, run.version)
  return 'RETRYING'
end
