-- Cancel a run: at once, unless a worker has it.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id    ARGV[3]  how long a record is kept that has ended, ms
-- Returns the record, name and value in turn; it is empty if the run is gone.
local prefix, id, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local status, version, owner, canceled = unpack(
  redis.call('HMGET', KEYS[1], 'status', 'version', 'owner', 'cancel_requested')
)
if status and not is_terminal(status) then
  if canceled ~= '1' then
    version = text(version + 1)
    redis.call('HSET', KEYS[1], 'version', version, 'cancel_requested', '1')
    if status ~= 'RUNNING' then
      redis.call('HSET', KEYS[1], 'status', 'CANCELED')
      redis.call('HDEL', KEYS[1], 'failure')
      finish(prefix, id, ttl)
      keep_indexes(prefix, owner, ttl)
    end
    announce(prefix, id, owner, version)
  end
  if status == 'RUNNING' then
    -- Its worker may have missed the first call.
    redis.call('PUBLISH', prefix .. 'cancel', id .. ' ' .. version)
  end
end
return redis.call('HGETALL', KEYS[1])
