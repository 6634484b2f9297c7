-- Start the next attempt of a run.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id    ARGV[3]  the caller's token
-- ARGV[4]  the lease, ms    ARGV[5]  how long a record is kept, ms    ARGV[6]  the same once it has ended
-- ARGV[7]  the failure of an attempt whose worker was lost    ARGV[8]  the failure of a run that was not started in time
-- Returns the record, name and value in turn; the ms until the lease of another attempt lapses, or until it is worth while to see
-- whether fewer runs are RUNNING of those that are limited together; or false if the run is gone or
-- was terminal before. A run that has lost its last attempt, or comes too late, comes back as it has ended. An error if its record
-- cannot be read.

-- Gives free the places of runs that do not run, as their records are gone or cannot be read; looks at some of many.
local function are_all_held(prefix, running, limit)
  local first = now_millis() % math.max(1, limit - 9)
  for _, id in ipairs(call('ZRANGE', running, first, first + 9)) do
    if fields(prefix, id, 'status')[1] ~= 'RUNNING' or not call('ZSCORE', prefix .. 'leases', id) then
      call('ZREM', running, id)
    end
  end
  return call('ZCARD', running) >= limit
end

local prefix, id, token = ARGV[1], ARGV[2], ARGV[3]
local lease, live_ttl, result_ttl = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
write_though_full(prefix)
local run = look(prefix, id)
if run.damaged then
  return unreadable(run)
end
if not run.status or is_terminal(run.status) then
  return false
end

if run.status == 'RUNNING' then
  if token ~= '' and token == run.token then
    -- Asked again by whoever did not hear the first answer.
    hold(prefix, id, lease, live_ttl)
    return raw('HGETALL', run.record)
  end
  local now = now_millis()
  local lapse = math.min(tonumber(call('ZSCORE', prefix .. 'leases', id) or 0), now + 86400000)
  if lapse <= now then
    lapse = grace_end(prefix, lease, live_ttl)
  end
  if lapse > now then
    return lapse - now
  end
  if is_terminal(lose(prefix, run, live_ttl, result_ttl, ARGV[7])) then
    return raw('HGETALL', run.record)
  end
end

if run.start_by and not run.attempt then
  if tonumber(run.start_by) <= now_millis() then
    expire(prefix, run, result_ttl, ARGV[8])
    return raw('HGETALL', run.record)
  end
end
if run.group then
  local running, waiting = prefix .. 'limit:' .. run.group, prefix .. 'waiting:' .. run.group
  if call('ZCARD', running) >= run.limit and are_all_held(prefix, running, run.limit) then
    call('ZADD', waiting, 'NX', text(now_micros()), id)
    keep(waiting, live_ttl)
    -- Whoever ends wakes the next one. This is for when that fails, and the further behind the rarer.
    return math.min(1000 + 100 * call('ZRANK', waiting, id), 60000)
  end
  call('ZREM', waiting, id)
  call('ZADD', running, text(now_micros()), id)
  keep(running, live_ttl)
end
if run.start_by and not run.attempt then
  call('ZREM', prefix .. 'expiring', id)
end
if run.attempt or run.scheduled_for then
  raw('HDEL', run.record, 'progress', 'progress_current', 'progress_total', 'progress_message', 'failure', 'scheduled_for')
end
write(
  run, 'status', 'RUNNING', 'attempt', text((run.attempt or 0) + 1), 'started_at', millis(now_micros()), 'token', token
)
hold(prefix, id, lease, live_ttl)
keep(run.record, live_ttl)
keep_indexes(prefix, run.owner, live_ttl)
announce(prefix, id, run.owner, run.version)
return raw('HGETALL', run.record)
