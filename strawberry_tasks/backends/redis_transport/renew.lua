-- Renew the leases of deliveries.
-- KEYS[1]  the queue
-- ARGV[1]  lease, ms    ARGV[2…] id and token in turn
-- Returns for each 1 if it holds, or 0 if the message is gone or was handed out again.
write_though_full()
local now, lease = now_ms(), tonumber(ARGV[1])
beat(now, lease)
local lapse, held = text(now + lease), {}
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  if holds(id, ARGV[i + 1]) then
    if call('ZADD', leases, lapse, id) == 1 then
      -- It was taken back, and nobody has got it since.
      call('ZREM', ready, id)
      local count = (number(call('HGET', lapses, id)) or 1) - 1
      if count < 1 then
        call('HDEL', lapses, id)
      else
        call('HSET', lapses, id, text(count))
      end
    end
    held[#held + 1] = 1
  else
    held[#held + 1] = 0
  end
end
return held
