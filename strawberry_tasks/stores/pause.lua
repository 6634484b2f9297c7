-- Keep a schedule from firing, or let it fire again, from now on.
-- KEYS[1]  {prefix}paused       a set: those that do not fire
-- KEYS[2]  {prefix}schedules    a hash: the last fire of each, or when it was first asked for, ms since the epoch
-- ARGV[1]  the schedule    ARGV[2]  '1' to pause it, '' to go on    ARGV[3]  how long that is remembered when nobody asks, ms
-- ARGV[4]  prefix
write_though_full(ARGV[4])
if ARGV[2] == '1' then
  call('SADD', KEYS[1], ARGV[1])
  keep(KEYS[1], tonumber(ARGV[3]))
elseif call('SREM', KEYS[1], ARGV[1]) == 1 then
  -- What it has missed is not made up for.
  call('HSET', KEYS[2], ARGV[1], millis(now_micros()))
  keep(KEYS[2], tonumber(ARGV[3]))
end
return 1
