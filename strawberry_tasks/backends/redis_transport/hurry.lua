-- Deliver a message now that was put off, at the end of its priority.
-- KEYS[1]  the queue
-- ARGV[1]  id
-- Returns 1 if it was put off, else 0.
write_though_full()
local id = ARGV[1]
if call('ZREM', delayed, id) == 0 then
  return 0
end
promote(id)
wake()
return 1
