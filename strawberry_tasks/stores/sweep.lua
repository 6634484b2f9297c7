-- Take the runs of lost attempts from them, end those that were not started in time, and forget those that have expired.
-- KEYS[1]  {prefix}leases      the leases
-- KEYS[2]  {prefix}expiring    the runs that have to be started by some time
-- ARGV[1]  prefix
-- ARGV[2]  the lease, ms    ARGV[3]  how long a record is kept, ms    ARGV[4]  the same once it has ended
-- ARGV[5]  the failure of an attempt whose worker was lost    ARGV[6]  the failure of a run that was not started in time
-- ARGV[7]  at most so many of each    ARGV[8]  of those that have expired
-- Returns {1 if there may be more that has expired, else 0; the record of each run that has ended by it, name and value in turn…}.
local prefix, lease = ARGV[1], tonumber(ARGV[2])
local live_ttl, result_ttl = tonumber(ARGV[3]), tonumber(ARGV[4])
write_though_full(prefix)
local now, most = now_millis(), tonumber(ARGV[7])
-- So many ms later one is looked at again that cannot be read: another version may come, or its record expire.
local ASIDE = 10000
local ended = {purge(prefix, ARGV[8]) == tonumber(ARGV[8]) and 1 or 0}

for _, id in ipairs(call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now), 'LIMIT', 0, most)) do
  local run = look(prefix, id)
  if run.damaged then
    call('ZADD', KEYS[2], text(now + ASIDE), id)
  elseif run.status == 'PENDING' then
    expire(prefix, run, result_ttl, ARGV[6])
    ended[#ended + 1] = raw('HGETALL', run.record)
  else
    call('ZREM', KEYS[2], id)
  end
end

if grace_end(prefix, lease, live_ttl) > now then
  return ended
end
for _, id in ipairs(call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now), 'LIMIT', 0, most)) do
  local run = look(prefix, id)
  if run.damaged then
    leave(prefix, run)
    call('ZADD', KEYS[1], text(now + ASIDE), id)
  elseif run.status ~= 'RUNNING' then
    call('ZREM', KEYS[1], id)
  elseif is_terminal(lose(prefix, run, live_ttl, result_ttl, ARGV[5])) then
    ended[#ended + 1] = raw('HGETALL', run.record)
  end
end
return ended
