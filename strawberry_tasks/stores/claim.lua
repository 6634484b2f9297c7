-- Start the next attempt of a run.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id
-- ARGV[3]  how long the record is kept, ms
-- Returns the record, name and value in turn, or false if the run is gone or terminal.
local prefix, id, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local status, attempt, version, owner = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempt', 'version', 'owner'))
if not status or status == 'COMPLETED' or status == 'FAILED' or status == 'CANCELED' then
  return false
end

version = text(version + 1)
redis.call('HDEL', KEYS[1], 'progress', 'progress_current', 'progress_total', 'progress_message', 'failure', 'scheduled_for')
redis.call(
  'HSET', KEYS[1],
  'status', 'RUNNING',
  'attempt', text((attempt or 0) + 1),
  'version', version,
  'started_at', millis(now_micros())
)
keep(KEYS[1], ttl)
keep_indexes(prefix, owner, ttl)
announce(prefix, id, owner, version)
return redis.call('HGETALL', KEYS[1])
