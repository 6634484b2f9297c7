-- Cancel a run: at once, unless a worker has it.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id    ARGV[3]  how long a record is kept that has ended, ms
-- ARGV[4…] the names of the fields to return
-- Returns the values of these fields; all are false if the run is gone. An error if its record cannot be read.
local prefix, id, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
write_though_full(prefix)
local run = look(prefix, id)
if run.damaged then
  return unreadable(run)
end
if run.status and not is_terminal(run.status) then
  if run.status ~= 'RUNNING' then
    raw('HDEL', run.record, 'failure')
    finish(prefix, run, ttl, 'cancel_requested', '1', 'status', 'CANCELED')
  else
    if not run.canceled then
      write(run, 'cancel_requested', '1')
      announce(prefix, id, run.owner, run.version)
    end
    -- Its worker may have missed the first call.
    raw('PUBLISH', prefix .. 'cancel', id .. ' ' .. run.version)
  end
end
return raw('HMGET', KEYS[1], unpack(ARGV, 4))
