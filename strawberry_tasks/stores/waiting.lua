-- Find the runs that may start now that another one has ended, of those that are limited together.
-- KEYS[1]  {prefix}run:{id}    the record of the one that has ended
-- ARGV[1]  prefix    ARGV[2]  its id
-- Returns the id and the queue of each, in turn.
local prefix = ARGV[1]
local group, limit = unpack(fields(prefix, ARGV[2], 'limit_group', 'limit'), 1, 2)
local answer = {}
limit = number(limit)
if not group or group == '' or not limit then
  return answer
end

local free = limit - call('ZCARD', prefix .. 'limit:' .. group)
while free > 0 do
  local ids = call('ZRANGE', prefix .. 'waiting:' .. group, 0, free - 1)
  local gone = 0
  answer = {}
  for _, id in ipairs(ids) do
    local status, queue = unpack(fields(prefix, id, 'status', 'queue'), 1, 2)
    if queue and (status == 'PENDING' or status == 'RETRYING') then
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
