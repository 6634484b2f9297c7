-- Record a run as PENDING unless a run of that id is there, and drop some runs from the indexes that have expired.
-- KEYS[1]  {prefix}run:{id}         the record
-- KEYS[2]  {prefix}runs             the index of all runs
-- KEYS[3]  {prefix}owner:{owner}    the index of the owner's runs; left out if nobody owns it
-- ARGV[1]  prefix    ARGV[2]  id    ARGV[3]  owner, or ''
-- ARGV[4]  how long the record is kept, ms, the delay not counted
-- ARGV[5]  delay, ms, or ''
-- ARGV[6]  ms from now until it must have started, or ''
-- ARGV[7]  {prefix}key:{name}:{key}, or ''
-- ARGV[8]  the schedule that fires, or ''    ARGV[9]  when it does, ms since the epoch
-- ARGV[10…] the other fields, name and value in turn
-- Returns {created_at, scheduled_for or '', start_by or ''} in ms since the epoch, or false if the run was there, or another one
-- of its key, or the schedule has fired for that time or a later one.
local function fire(prefix, schedule, at)
  local key = prefix .. 'schedules'
  -- What lies ahead of the clock was never fired.
  local last = number(call('HGET', key, schedule)) or 0
  if last >= at and last < now_millis() + 86400000 then
    return false
  end
  call('HSET', key, schedule, text(at))
  return true
end

local prefix, id, owner = ARGV[1], ARGV[2], ARGV[3] ~= '' and ARGV[3]
if raw('EXISTS', KEYS[1]) == 1 or (ARGV[8] ~= '' and not fire(prefix, ARGV[8], tonumber(ARGV[9]))) then
  return false
end
if ARGV[7] ~= '' then
  local holder = call('GET', ARGV[7])
  if holder then
    local status, name, key = unpack(fields(prefix, holder, 'status', 'name', 'key'), 1, 3)
    -- One that is in a state of another version may be live.
    if status and not is_terminal(status) and prefix .. 'key:' .. (name or '') .. ':' .. (key or '') == ARGV[7] then
      return false
    end
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
  call('ZADD', prefix .. 'expiring', start_by, id)
  ttl = math.max(ttl, ARGV[4] + ARGV[6])
  keep(prefix .. 'expiring', ttl)
end
raw('HSET', KEYS[1], 'created_at', created, unpack(ARGV, 10))
if scheduled ~= '' then
  raw('HSET', KEYS[1], 'scheduled_for', scheduled)
end
if start_by ~= '' then
  raw('HSET', KEYS[1], 'start_by', start_by)
end
raw('PEXPIRE', KEYS[1], text(ttl))
if ARGV[7] ~= '' then
  raw('SET', ARGV[7], id, 'PX', text(ttl))
end
purge(prefix, 4)
for i = 2, #KEYS do
  call('ZADD', KEYS[i], text(micros), id)
end
keep_until(prefix, id, owner, micros + ttl * 1000)
keep_indexes(prefix, owner, ttl)
announce(prefix, id, owner, '1')
return {created, scheduled, start_by}
