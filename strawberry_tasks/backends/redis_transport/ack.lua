-- Forget a message that is done with, unless it was handed out again.
-- KEYS[1]  the queue
-- ARGV[1]  id    ARGV[2]  token
-- Returns 1 if it was this delivery's, else 0.
write_though_full()
if not holds(ARGV[1], ARGV[2]) then
  return 0
end
forget(ARGV[1])
return 1
