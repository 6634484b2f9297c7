-- Record a run as PENDING unless a run of that id is there, and drop some ids from the indexes whose runs are gone.
-- KEYS[1]  {prefix}run:{id}         the record
-- KEYS[2]  {prefix}runs             the index of all runs
-- KEYS[3]  {prefix}owner:{owner}    the index of the owner's runs; left out if nobody owns it
-- ARGV[1]  prefix    ARGV[2]  id    ARGV[3]  owner, or ''
-- ARGV[4]  how long the record is kept, ms, the delay not counted
-- ARGV[5]  delay, ms, or ''
-- ARGV[6]  ms from now until it must have started, or ''
-- ARGV[7]  {prefix}key:{name}:{key}, or ''
-- ARGV[8…] the other fields, name and value in turn
-- Returns {created_at, scheduled_for or '', start_by or ''} in ms since the epoch, or false if the run was there, or another one
-- of its key.
local prefix, id, owner = ARGV[1], ARGV[2], ARGV[3]
if redis.call('EXISTS', KEYS[1]) == 1 then
  return false
end
if ARGV[7] ~= '' then
  local holder = redis.call('GET', ARGV[7])
  local status = holder and redis.call('HGET', prefix .. 'run:' .. holder, 'status')
  if status and not is_terminal(status) then
    return false
  end
end

local micros = now_micros()
local created, scheduled, start_by, ttl = millis(micros), '', '', tonumber(ARGV[4])
if ARGV[5] ~= '' then
  scheduled = millis(micros + ARGV[5] * 1000)
  ttl = ttl + ARGV[5]
end
if ARGV[6] ~= '' then
  start_by = millis(micros + ARGV[6] * 1000)
  redis.call('ZADD', prefix .. 'expiring', start_by, id)
  ttl = math.max(ttl, ARGV[4] + ARGV[6])
  keep(prefix .. 'expiring', ttl)
end
redis.call(
  'HSET', KEYS[1], 'created_at', created, 'scheduled_for', scheduled, 'start_by', start_by, unpack(ARGV, 8)
)
redis.call('PEXPIRE', KEYS[1], text(ttl))
if ARGV[7] ~= '' then
  redis.call('SET', ARGV[7], id, 'PX', text(ttl))
end

for i = 2, #KEYS do
  -- The oldest are the likeliest to be gone; random ones keep a long-lived oldest run from hiding the rest.
  local suspects = redis.call('ZRANGE', KEYS[i], 0, 1)
  for _, suspect in ipairs(redis.call('ZRANDMEMBER', KEYS[i], 2)) do
    suspects[#suspects + 1] = suspect
  end
  for _, suspect in ipairs(suspects) do
    if redis.call('EXISTS', prefix .. 'run:' .. suspect) == 0 then
      redis.call('ZREM', KEYS[i], suspect)
    end
  end
  redis.call('ZADD', KEYS[i], text(micros), id)
end
keep_indexes(prefix, owner, ttl)
announce(prefix, id, owner, '1')
return {created, scheduled, start_by}
