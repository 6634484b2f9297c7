-- Forget a run that no worker has claimed.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id
-- Returns 1 if it was forgotten, 0 if there is nothing to forget.
local prefix, id = ARGV[1], ARGV[2]
write_though_full(prefix)
local run = look(prefix, id)
if run.damaged or run.status ~= 'PENDING' or run.attempt then
  return 0
end

free(prefix, run)
raw('DEL', run.record)
call('ZREM', prefix .. 'runs', id)
call('ZREM', prefix .. 'kept', id .. ' ' .. (run.owner or ''))
if run.owner then
  call('ZREM', prefix .. 'owner:' .. run.owner, id)
end
announce(prefix, id, run.owner, text(run.version + 1))
return 1
