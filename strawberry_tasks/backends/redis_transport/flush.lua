-- Forget all messages of a queue, dead ones aside.
-- KEYS[1]  the queue
-- Returns how many there were.
write_though_full()
local count = call('HLEN', messages)
raw('DEL', messages, bases, sequence, ready, delayed, leases, deliveries, lapses, started, wake_list, pulse)
return count
