-- Note that a message is begun of which a lease has lapsed before, so that one more lapse is put down to it.
-- KEYS[1]  the queue
-- ARGV[1]  id    ARGV[2]  token
-- Returns 1 if it was this delivery's, else 0.
write_though_full()
if not holds(ARGV[1], ARGV[2]) then
  return 0
end
call('HSET', started, ARGV[1], '1')
return 1
