-- Release a delivery and let the message wait again, unless it was handed out again.
-- KEYS[1]  the queue
-- ARGV[1]  id    ARGV[2]  token    ARGV[3]  the encoded message, or '' to leave it    ARGV[4]  delay, ms
-- Returns 1 if it was this delivery's, else 0.
write_though_full()
local id, delay = ARGV[1], tonumber(ARGV[4])
if not holds(id, ARGV[2]) then
  return 0
end
local base = base_of(place_of(id))
call('HDEL', deliveries, id)
call('HDEL', lapses, id)
call('HDEL', started, id)
call('ZREM', leases, id)
call('ZREM', ready, id)
if ARGV[3] ~= '' then
  call('HSET', messages, id, ARGV[3])
end
if delay > 0 then
  put_off(id, base, now_ms() + delay)
else
  queue_up(id, base)
end
if delay < 1000 then
  wake()
end
return 1
