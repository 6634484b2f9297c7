-- Add a message, unless it is known.
-- KEYS[1]  the queue
-- ARGV[1]  id    ARGV[2]  the encoded message    ARGV[3]  priority    ARGV[4]  delay, ms, or ''
-- Returns 1 if it was added, else 0.
local id, delay = ARGV[1], tonumber(ARGV[4]) or 0
if call('HSETNX', messages, id, ARGV[2]) == 0 then
  return 0
end
if delay > 0 then
  put_off(id, -ARGV[3] * STEP, now_ms() + delay)
else
  queue_up(id, -ARGV[3] * STEP)
end
-- A sleeper has to learn of a delay that ends before its sleep.
if delay < 1000 then
  wake()
end
return 1
