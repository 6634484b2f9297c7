-- Move a dead letter back to its queue.
-- KEYS[1]  the queue
-- ARGV[1]  id    ARGV[2]  the encoded message    ARGV[3]  priority
-- Returns 1 if it waits again, or 0 if there is no such letter.
write_though_full()
local id = ARGV[1]
if call('HEXISTS', letters, id) == 0 then
  return 0
end
drop_letter(id)
if call('HSETNX', messages, id, ARGV[2]) == 1 then
  queue_up(id, -ARGV[3] * STEP)
  wake()
end
return 1
