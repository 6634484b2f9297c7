-- Take the runs of lost attempts from them.
-- KEYS[1]  {prefix}leases    the leases
-- ARGV[1]  prefix
-- ARGV[2]  the lease, ms    ARGV[3]  how long a record is kept, ms    ARGV[4]  the same once it has ended
-- ARGV[5]  the failure of an attempt whose worker was lost
-- ARGV[6]  at most so many
-- Returns {how many lapsed leases it met; the records of the runs that have ended by it, name and value in turn…}.
local prefix, lease = ARGV[1], tonumber(ARGV[2])
local live_ttl, result_ttl = tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_millis()
if grace_end(prefix, lease, live_ttl) > now then
  return {0}
end

local lapsed = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now), 'LIMIT', 0, tonumber(ARGV[6]))
local answer = {#lapsed}
for _, id in ipairs(lapsed) do
  local key = prefix .. 'run:' .. id
  if redis.call('HGET', key, 'status') ~= 'RUNNING' then
    redis.call('ZREM', KEYS[1], id)
  elseif is_terminal(lose(prefix, id, live_ttl, result_ttl, ARGV[5])) then
    answer[#answer + 1] = redis.call('HGETALL', key)
  end
end
return answer
