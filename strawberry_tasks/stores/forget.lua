-- Remove a record, whatever stands in its place, and what the run holds as far as it says so.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id
-- Returns 1 if there was one, else 0.
local prefix, id = ARGV[1], ARGV[2]
local run = look(prefix, id)
local there = raw('DEL', KEYS[1])
for _, index in ipairs({'runs', 'leases', 'expiring'}) do
  call('ZREM', prefix .. index, id)
end
call('ZREM', prefix .. 'kept', id .. ' ' .. (run.owner or ''))
if run.owner then
  call('ZREM', prefix .. 'owner:' .. run.owner, id)
end
run.key = run.name and run.key
free(prefix, run)
announce(prefix, id, run.owner, text((number(run.version) or 0) + 1))
return there
