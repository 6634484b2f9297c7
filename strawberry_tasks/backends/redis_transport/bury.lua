-- Move a message to the dead letters, unless it was handed out again.
-- KEYS[1]  the queue
-- ARGV[1]  id    ARGV[2]  token    ARGV[3]  the encoded message    ARGV[4]  why
-- ARGV[5]  how long dead ones are kept, ms    ARGV[6]  ms until somebody else tells about it
-- Returns 1 if it was this delivery's, else 0.
write_though_full()
if not holds(ARGV[1], ARGV[2]) then
  return 0
end
bury(ARGV[1], ARGV[3], ARGV[4], now_ms(), tonumber(ARGV[5]), tonumber(ARGV[6]))
return 1
