-- Tell what is known of schedules, and know them from now on.
-- KEYS[1]  {prefix}schedules    a hash: the last fire of each, or when it was first asked for, ms since the epoch
-- KEYS[2]  {prefix}paused       a set: those that do not fire
-- ARGV[1]  how long that is remembered when nobody asks, ms    ARGV[2]  prefix    ARGV[3…] their names
-- Returns the time, then the last fire and 1 or 0 of each in turn, all times in ms since the epoch.
write_though_full(ARGV[2])
local now = now_millis()
local answer = {text(now)}
for i = 3, #ARGV do
  local last = number(call('HGET', KEYS[1], ARGV[i]))
  if not last or last < 0 or last > now + 86400000 then
    -- It was never asked for, or what is remembered is no time of ours.
    last = now
    call('HSET', KEYS[1], ARGV[i], text(now))
  end
  table.insert(answer, text(last))
  table.insert(answer, call('SISMEMBER', KEYS[2], ARGV[i]))
end
keep(KEYS[1], tonumber(ARGV[1]))
keep(KEYS[2], tonumber(ARGV[1]))
return answer
