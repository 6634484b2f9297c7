-- Find the runs that may start now that another one has ended, of those that are limited together.
-- KEYS[1]  {prefix}run:{id}    the record of the one that has ended
-- ARGV[1]  prefix
-- Returns the id and the queue of each, in turn.
local prefix = ARGV[1]
local group, limit = unpack(call('HMGET', KEYS[1], 'limit_group', 'limit'))
local answer = {}
if not group or group == '' then
  return answer
end

local free = limit - call('ZCARD', prefix .. 'limit:' .. group)
while free > 0 do
  local ids = call('ZRANGE', prefix .. 'waiting:' .. group, 0, free - 1)
  local gone = 0
  answer = {}
  for _, id in ipairs(ids) do
    local status, queue = unpack(call('HMGET', prefix .. 'run:' .. id, 'status', 'queue'))
    if status == 'PENDING' or status == 'RETRYING' then
      answer[#answer + 1] = id
      answer[#answer + 1] = queue
    else
      call('ZREM', prefix .. 'waiting:' .. group, id)
      gone = gone + 1
    end
  end
  if gone == 0 then
    break
  end
end
return answer
