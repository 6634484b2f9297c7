-- What every script of ours begins with: calls, and numbers, that survive what others have done to our keys.

-- For commands that any key can be given, and for keys of which the type is known; it costs less than `call`.
local raw, try, type = redis.call, redis.pcall, type

-- Calls a command, and then again once the key is out of the way if it is of another type than ours: an index that holds nothing
-- anyone could read must not keep all others from their runs. It is kept beside for a week, for whoever looks into it.
local function mend(message, ...)
  if string.find(message, 'WRONGTYPE', 1, true) then
    local _, key = ...
    redis.log(redis.LOG_WARNING, key .. ' has another type than strawberry_tasks gives it; it is now ' .. key .. ':damaged')
    raw('RENAME', key, key .. ':damaged')
    raw('PEXPIRE', key .. ':damaged', '604800000')
  end
  return raw(...)
end

local function call(...)
  local answer = try(...)
  if type(answer) == 'table' and answer.err then
    return mend(answer.err, ...)
  end
  return answer
end

-- The number that a text is; nil if it is none, or none that counts anything.
local function number(text)
  local it = tonumber(text)
  if it and it > -9007199254740992 and it < 9007199254740992 then
    return it
  end
end

local function text(number)
  return string.format('%.0f', number)
end
