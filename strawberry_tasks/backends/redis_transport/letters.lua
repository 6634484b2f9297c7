-- Read the dead letters, the latest first.
-- KEYS[1]  the queue
-- ARGV[1]  at most so many    ARGV[2]  how long dead ones are kept, ms
-- Returns id, when it was buried in ms since the epoch, reason, message, and so on.
local found = {}
local newest = call(
  'ZREVRANGEBYSCORE', dead, '+inf', text(now_ms() - ARGV[2]), 'WITHSCORES', 'LIMIT', 0, ARGV[1]
)
for i = 1, #newest, 2 do
  local id = newest[i]
  found[#found + 1] = id
  found[#found + 1] = newest[i + 1]
  found[#found + 1] = call('HGET', reasons, id)
  found[#found + 1] = call('HGET', letters, id)
end
return found
