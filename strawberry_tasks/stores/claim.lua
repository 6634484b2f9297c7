-- Start the next attempt of a run.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id    ARGV[3]  the caller's token
-- ARGV[4]  the lease, ms    ARGV[5]  how long a record is kept, ms    ARGV[6]  the same once it has ended
-- ARGV[7]  the failure of an attempt whose worker was lost    ARGV[8]  the failure of a run that was not started in time
-- Returns the record, name and value in turn; the ms until the lease of another attempt lapses, or until it is worth while to see
-- whether fewer runs are RUNNING of those that are limited together; or false if the run is gone or
-- was terminal before. A run that has lost its last attempt, or comes too late, comes back as it has ended.
local prefix, id, token = ARGV[1], ARGV[2], ARGV[3]
local lease, live_ttl, result_ttl = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local status, present_token = unpack(redis.call('HMGET', KEYS[1], 'status', 'token'))
if not status or is_terminal(status) then
  return false
end

if status == 'RUNNING' then
  if token ~= '' and token == present_token then
    -- Asked again by whoever did not hear the first answer.
    hold(prefix, id, lease, live_ttl)
    return redis.call('HGETALL', KEYS[1])
  end
  local now = now_millis()
  local lapse = tonumber(redis.call('ZSCORE', prefix .. 'leases', id) or 0)
  if lapse <= now then
    lapse = grace_end(prefix, lease, live_ttl)
  end
  if lapse > now then
    return lapse - now
  end
  if is_terminal(lose(prefix, id, live_ttl, result_ttl, ARGV[7])) then
    return redis.call('HGETALL', KEYS[1])
  end
end

local attempt, version, owner, start_by, group, limit = unpack(
  redis.call('HMGET', KEYS[1], 'attempt', 'version', 'owner', 'start_by', 'limit_group', 'limit')
)
if start_by and start_by ~= '' and not attempt then
  if tonumber(start_by) <= now_millis() then
    expire(prefix, id, result_ttl, ARGV[8])
    return redis.call('HGETALL', KEYS[1])
  end
end
if group and group ~= '' then
  local running, waiting = prefix .. 'limit:' .. group, prefix .. 'waiting:' .. group
  if redis.call('ZCARD', running) >= tonumber(limit) then
    redis.call('ZADD', waiting, 'NX', text(now_micros()), id)
    keep(waiting, live_ttl)
    -- Whoever ends wakes the next one. This is for when that fails, and the further behind the rarer.
    return math.min(1000 + 100 * redis.call('ZRANK', waiting, id), 60000)
  end
  redis.call('ZREM', waiting, id)
  redis.call('ZADD', running, text(now_micros()), id)
  keep(running, live_ttl)
end
if start_by and start_by ~= '' and not attempt then
  redis.call('ZREM', prefix .. 'expiring', id)
end
version = text(version + 1)
redis.call('HDEL', KEYS[1], 'progress', 'progress_current', 'progress_total', 'progress_message', 'failure', 'scheduled_for')
redis.call(
  'HSET', KEYS[1],
  'status', 'RUNNING',
  'attempt', text((attempt or 0) + 1),
  'version', version,
  'started_at', millis(now_micros()),
  'token', token
)
hold(prefix, id, lease, live_ttl)
keep(KEYS[1], live_ttl)
keep_indexes(prefix, owner, live_ttl)
announce(prefix, id, owner, version)
return redis.call('HGETALL', KEYS[1])
