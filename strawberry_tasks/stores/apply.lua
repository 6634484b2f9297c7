-- Change a run, if it is RUNNING in the attempt that asks.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id    ARGV[3]  the attempt that asks
-- ARGV[4]  its new status, or ''
-- ARGV[5]  ms until the next attempt, or ''
-- ARGV[6]  how long the record is kept, ms, the delay not counted
-- ARGV[7…] fields, name and value in turn
-- Returns the new version, or false if the change is refused.
local prefix, id, new_status, ttl = ARGV[1], ARGV[2], ARGV[4], tonumber(ARGV[6])
local status, attempt, version, owner, lost, canceled = unpack(
  call('HMGET', KEYS[1], 'status', 'attempt', 'version', 'owner', 'lost', 'cancel_requested')
)
if attempt ~= ARGV[3] or lost == attempt then
  return false
end
if status ~= 'RUNNING' then
  -- The end of an attempt is told again by whoever did not hear the first answer.
  return status == new_status and tonumber(version)
end
if canceled == '1' and new_status == 'RETRYING' then
  return false
end

version = version + 1
call('HSET', KEYS[1], 'version', version, unpack(ARGV, 7))
if is_terminal(new_status) then
  if new_status == 'COMPLETED' then
    call('HSET', KEYS[1], 'progress', '100.0')
  end
  finish(prefix, id, ttl)
else
  if new_status == 'RETRYING' then
    redis.call('ZREM', prefix .. 'leases', id)
    leave(prefix, id)
  end
  if ARGV[5] ~= '' then
    call('HSET', KEYS[1], 'scheduled_for', millis(now_micros() + ARGV[5] * 1000))
    ttl = ttl + ARGV[5]
  end
  keep(KEYS[1], ttl)
end
if new_status ~= '' then
  keep_indexes(prefix, owner, ttl)
end
announce(prefix, id, owner, version)
return version
