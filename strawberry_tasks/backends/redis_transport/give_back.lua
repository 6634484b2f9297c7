-- Release deliveries that were not performed; their messages stand where they have stood.
-- KEYS[1]  the queue
-- ARGV     id and token in turn
-- Returns how many were given back.
write_though_full()
local count = 0
for i = 1, #ARGV, 2 do
  local id = ARGV[i]
  if holds(id, ARGV[i + 1]) then
    put_back(id)
    call('HDEL', deliveries, id)
    call('HDEL', started, id)
    call('ZREM', leases, id)
    count = count + 1
  end
end
if count > 0 then
  wake()
end
return count
