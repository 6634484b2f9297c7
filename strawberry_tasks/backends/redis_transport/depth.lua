-- Count the messages of a queue.
-- KEYS[1]  the queue
-- ARGV[1]  how long dead ones are kept, ms
-- Returns {ready, delayed, in flight, dead}.
return {
  call('ZCARD', ready),
  call('ZCARD', delayed),
  call('ZCARD', leases),
  call('ZCOUNT', dead, text(now_ms() - ARGV[1]), '+inf')
}
