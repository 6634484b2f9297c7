-- What every script begins with. A run's record is a hash, {prefix}run:{id}: the text fields of a snapshot, and `arguments`.
-- Its id stands in two sorted sets by the microsecond of its creation: {prefix}runs, and {prefix}owner:{owner} if it has one.
-- While it is RUNNING, {prefix}leases, a sorted set, tells the millisecond at which its attempt is lost unless it renews that.
-- One that has to be started by some time stands in {prefix}expiring, a sorted set by that millisecond, until its first attempt.
-- {prefix}key:{name}:{key} holds the id of the live run of that task and key.
-- Of runs that are limited together, {prefix}limit:{group}, a sorted set, holds those that are RUNNING, and {prefix}waiting:{group}
-- those that wait for one of them to end, by the microsecond since which they do. Their fields `limit_group` and `limit` are known
-- to the scripts only, as are `token`, of the claim that began the attempt, and `lost`, the attempt that was lost last.

local call = redis.call

-- Microseconds since the epoch by the server's clock, exact as a double until the year 2255.
local function now_micros()
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

local function text(number)
  return string.format('%.0f', number)
end

local function millis(micros)
  return text(math.floor(micros / 1000))
end

local function now_millis()
  return math.floor(now_micros() / 1000)
end

local function is_terminal(status)
  return status == 'COMPLETED' or status == 'FAILED' or status == 'CANCELED'
end

-- Lets a key live for so many milliseconds more at least, give or take a minute, which spares most calls a write.
local function keep(key, ttl)
  if call('PTTL', key) < ttl - 60000 then
    call('PEXPIRE', key, text(ttl))
  end
end

-- An index has to outlive the runs in it.
local function keep_indexes(prefix, owner, ttl)
  keep(prefix .. 'runs', ttl)
  if owner and owner ~= '' then
    keep(prefix .. 'owner:' .. owner, ttl)
  end
end

-- Tells that a run changed, never to what: who wants to know reads, so that a lost message costs time and not truth.
local function announce(prefix, id, owner, version)
  local notice = id .. ' ' .. version
  call('PUBLISH', prefix .. 'run:' .. id, notice)
  call('PUBLISH', prefix .. 'all', notice)
  if owner and owner ~= '' then
    call('PUBLISH', prefix .. 'owner:' .. owner, notice)
  end
end

-- Gives free the place that a RUNNING run has among those that are limited with it.
local function leave(prefix, id)
  local group = redis.call('HGET', prefix .. 'run:' .. id, 'limit_group')
  if group and group ~= '' then
    redis.call('ZREM', prefix .. 'limit:' .. group, id)
    redis.call('ZREM', prefix .. 'waiting:' .. group, id)
  end
end

-- Gives free what a live run holds.
local function free(prefix, id)
  leave(prefix, id)
  local name, key, start_by = unpack(redis.call('HMGET', prefix .. 'run:' .. id, 'name', 'key', 'start_by'))
  if key and key ~= '' then
    local holder = prefix .. 'key:' .. name .. ':' .. key
    if redis.call('GET', holder) == id then
      redis.call('DEL', holder)
    end
  end
  if start_by and start_by ~= '' then
    redis.call('ZREM', prefix .. 'expiring', id)
  end
  redis.call('ZREM', prefix .. 'leases', id)
end

-- Dates the end of a run, and gives free what it held.
local function finish(prefix, id, ttl)
  local key, micros = prefix .. 'run:' .. id, now_micros()
  redis.call('HSET', key, 'completed_at', millis(micros), 'expires_at', millis(micros + ttl * 1000))
  redis.call('HDEL', key, 'scheduled_for')
  redis.call('PEXPIRE', key, text(ttl))
  free(prefix, id)
end

-- Ends a run that was not started in time.
local function expire(prefix, id, ttl, failure)
  local key = prefix .. 'run:' .. id
  local version, owner = unpack(redis.call('HMGET', key, 'version', 'owner'))
  version = text(version + 1)
  redis.call('HSET', key, 'status', 'FAILED', 'version', version, 'failure', failure)
  finish(prefix, id, ttl)
  keep_indexes(prefix, owner, ttl)
  announce(prefix, id, owner, version)
end

-- Leases an attempt from now on.
local function hold(prefix, id, lease, ttl)
  redis.call('ZADD', prefix .. 'leases', text(now_millis() + lease), id)
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
  local heard, grace, begun, renewed = unpack(redis.call('HMGET', key, 'heard', 'grace', 'begun', 'renewed'))
  local silence = heard and now - heard or 0
  local is_lone = begun and tonumber(heard) < tonumber(grace) and tonumber(renewed or 0) <= tonumber(begun)
  if silence > math.max(lease / 2, math.min(lease, 1500)) and not is_lone then
    local wait = silence > lease and lease or lease / 2
    grace = text(math.max(tonumber(grace or 0), math.floor(now + wait)))
    redis.call('HSET', key, 'begun', text(now))
    redis.call('HSET', key, 'grace', grace)
  end
  if renews then
    redis.call('HSET', key, 'renewed', text(now))
  end
  redis.call('HSET', key, 'heard', text(now))
  keep(key, ttl)
  return tonumber(grace or 0)
end

-- Takes a RUNNING run from an attempt whose lease has lapsed, and returns its new status.
local function lose(prefix, id, live_ttl, result_ttl, failure)
  local key = prefix .. 'run:' .. id
  local attempt, version, owner, retries, given_back, canceled = unpack(redis.call(
    'HMGET', key, 'attempt', 'version', 'owner', 'max_retries', 'given_back', 'cancel_requested'
  ))
  local status, ttl = 'RETRYING', live_ttl
  if canceled == '1' then
    status = 'CANCELED'
  elseif attempt - (tonumber(given_back) or 0) > tonumber(retries) then
    status = 'FAILED'
  end
  version = text(version + 1)
  redis.call('HSET', key, 'status', status, 'version', version, 'lost', attempt)
  if status ~= 'CANCELED' then
    redis.call('HSET', key, 'failure', failure)
  end
  if status == 'RETRYING' then
    redis.call('HSET', key, 'scheduled_for', text(now_millis()))
    redis.call('ZREM', prefix .. 'leases', id)
    leave(prefix, id)
    keep(key, ttl)
  else
    ttl = result_ttl
    finish(prefix, id, ttl)
  end
  keep_indexes(prefix, owner, ttl)
  announce(prefix, id, owner, version)
  return status
end
