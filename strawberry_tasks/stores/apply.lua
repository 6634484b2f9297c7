-- Change a run, if it is RUNNING in the attempt that asks.
-- KEYS[1]  {prefix}run:{id}    the record
-- ARGV[1]  prefix    ARGV[2]  id    ARGV[3]  the attempt that asks
-- ARGV[4]  its new status, or ''
-- ARGV[5]  ms until the next attempt, or ''
-- ARGV[6]  how long the record is kept, ms, the delay not counted
-- ARGV[7]  the failure to write if memory is short and the fields do not fit, or '' if they are small
-- ARGV[8…] fields, name and value in turn
-- Returns the new version, or false if the change is refused.
local prefix, id, new_status, ttl = ARGV[1], ARGV[2], ARGV[4], tonumber(ARGV[6])
local fields = {unpack(ARGV, 8)}

local function size()
  local bytes = 0
  for _, field in ipairs(fields) do
    bytes = bytes + #field
  end
  return bytes
end

-- Puts a small failure in the place of a result, or of a larger failure.
local function shrink(failure)
  local kept = {'failure', failure}
  for i = 1, #fields, 2 do
    if fields[i] == 'status' and new_status == 'COMPLETED' then
      new_status = 'FAILED'
      fields[i + 1] = new_status
    end
    if fields[i] ~= 'result' and fields[i] ~= 'failure' then
      kept[#kept + 1], kept[#kept + 2] = fields[i], fields[i + 1]
    end
  end
  fields = kept
end

local run = look(prefix, id)
if run.damaged or run.attempt ~= ARGV[3] or run.lost == run.attempt then
  return false
end
if run.status ~= 'RUNNING' then
  -- The end of an attempt is told again by whoever did not hear the first answer.
  return run.status == new_status and tonumber(run.version)
end
if run.canceled and new_status == 'RETRYING' then
  return false
end

if new_status ~= '' then
  local room = ARGV[7] ~= '' and room_though_full(prefix)
  write_though_full(prefix)
  if room and size() > room then
    shrink(ARGV[7])
  end
end
if is_terminal(new_status) then
  if new_status == 'COMPLETED' then
    fields[#fields + 1], fields[#fields + 2] = 'progress', '100.0'
    -- It cannot be started again, so that they only take memory.
    if raw('HSTRLEN', run.record, 'arguments') > 1024 then
      fields[#fields + 1], fields[#fields + 2] = 'arguments', '{}'
    end
  end
  finish(prefix, run, ttl, unpack(fields))
  return tonumber(run.version)
end

write(run, unpack(fields))
if ARGV[5] ~= '' then
  raw('HSET', run.record, 'scheduled_for', millis(now_micros() + ARGV[5] * 1000))
  ttl = ttl + ARGV[5]
end
if new_status == 'RETRYING' then
  call('ZREM', prefix .. 'leases', id)
  leave(prefix, run)
end
keep(run.record, ttl)
if new_status ~= '' then
  keep_indexes(prefix, run.owner, ttl)
end
announce(prefix, id, run.owner, run.version)
return tonumber(run.version)
