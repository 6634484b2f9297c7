-- Change a run, if it is RUNNING in the attempt that asks.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id    ARGV[3]  the attempt that asks
-- ARGV[4]  its new status, or ''
-- ARGV[5]  ms until the next attempt, or ''
-- ARGV[6]  how long the record is kept, ms, the delay not counted
-- ARGV[7…] fields, name and value in turn
-- Returns the new version, or false if the change is refused.
local prefix, id, new_status, ttl = ARGV[1], ARGV[2], ARGV[4], tonumber(ARGV[6])
local run = look(prefix, id)
if run.attempt ~= ARGV[3] or run.lost == run.attempt then
  return false
end
if run.status ~= 'RUNNING' then
  -- The end of an attempt is told again by whoever did not hear the first answer.
  return run.status == new_status and tonumber(run.version)
end
if run.canceled and new_status == 'RETRYING' then
  return false
end

if is_terminal(new_status) then
  if new_status == 'COMPLETED' then
    ARGV[#ARGV + 1], ARGV[#ARGV + 2] = 'progress', '100.0'
  end
  finish(prefix, run, ttl, unpack(ARGV, 7))
  return tonumber(run.version)
end

write(run, unpack(ARGV, 7))
if ARGV[5] ~= '' then
  call('HSET', run.record, 'scheduled_for', millis(now_micros() + ARGV[5] * 1000))
  ttl = ttl + ARGV[5]
end
if new_status == 'RETRYING' then
  call('ZREM', prefix .. 'leases', id)
  leave(prefix, run)
end
keep(run.record, ttl)
if new_status ~= '' then
  keep_indexes(prefix, run.owner, ttl)
end
announce(prefix, id, run.owner, run.version)
return tonumber(run.version)
