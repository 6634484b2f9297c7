-- What every script begins with. A run's record is a hash, {prefix}run:{id}: the text fields of a snapshot, and `arguments`.
-- Its id stands in two sorted sets by the microsecond of its creation: {prefix}runs, and {prefix}owner:{owner} if it has one.

local call = redis.call

-- Microseconds since the epoch by the server's clock, exact as a double until the year 2255.
local function now_micros()
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

local function text(number)
  return string.format('%.0f', number)
end

local function millis(micros)
  return text(math.floor(micros / 1000))
end

-- Lets a key live for so many milliseconds more at least, give or take a minute, which spares most calls a write.
local function keep(key, ttl)
  if call('PTTL', key) < ttl - 60000 then
    call('PEXPIRE', key, text(ttl))
  end
end

-- An index has to outlive the runs in it.
local function keep_indexes(prefix, owner, ttl)
  keep(prefix .. 'runs', ttl)
  if owner and owner ~= '' then
    keep(prefix .. 'owner:' .. owner, ttl)
  end
end

-- Tells that a run changed, never to what: who wants to know reads, so that a lost message costs time and not truth.
local function announce(prefix, id, owner, version)
  local notice = id .. ' ' .. version
  call('PUBLISH', prefix .. 'run:' .. id, notice)
  call('PUBLISH', prefix .. 'all', notice)
  if owner and owner ~= '' then
    call('PUBLISH', prefix .. 'owner:' .. owner, notice)
  end
end
