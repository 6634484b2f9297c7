-- Forget a run that no worker has claimed.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id
-- Returns 1 if it was forgotten, 0 if there is nothing to forget.
local prefix, id = ARGV[1], ARGV[2]
local status, attempt, version, owner = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempt', 'version', 'owner'))
if status ~= 'PENDING' or (attempt and attempt ~= '' and attempt ~= '0') then
  return 0
end

free(prefix, id)
redis.call('DEL', KEYS[1])
redis.call('ZREM', prefix .. 'runs', id)
if owner and owner ~= '' then
  redis.call('ZREM', prefix .. 'owner:' .. owner, id)
end
announce(prefix, id, owner, text(version + 1))
return 1
