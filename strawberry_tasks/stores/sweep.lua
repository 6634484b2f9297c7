-- Take the runs of lost attempts from them, and end those that were not started in time.
-- KEYS[1]  {prefix}leases      the leases
-- KEYS[2]  {prefix}expiring    the runs that have to be started by some time
-- ARGV[1]  prefix
-- ARGV[2]  the lease, ms    ARGV[3]  how long a record is kept, ms    ARGV[4]  the same once it has ended
-- ARGV[5]  the failure of an attempt whose worker was lost    ARGV[6]  the failure of a run that was not started in time
-- ARGV[7]  at most so many of each
-- Returns the records of the runs that have ended by it, name and value in turn.
local prefix, lease = ARGV[1], tonumber(ARGV[2])
local live_ttl, result_ttl = tonumber(ARGV[3]), tonumber(ARGV[4])
local now, most = now_millis(), tonumber(ARGV[7])
local ended = {}

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now), 'LIMIT', 0, most)) do
  local key = prefix .. 'run:' .. id
  if redis.call('HGET', key, 'status') == 'PENDING' then
    expire(prefix, id, result_ttl, ARGV[6])
    ended[#ended + 1] = redis.call('HGETALL', key)
  else
    redis.call('ZREM', KEYS[2], id)
  end
end

if grace_end(prefix, lease, live_ttl) > now then
  return ended
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now), 'LIMIT', 0, most)) do
  local key = prefix .. 'run:' .. id
  if redis.call('HGET', key, 'status') ~= 'RUNNING' then
    redis.call('ZREM', KEYS[1], id)
  elseif is_terminal(lose(prefix, id, live_ttl, result_ttl, ARGV[5])) then
    ended[#ended + 1] = redis.call('HGETALL', key)
  end
end
return ended
