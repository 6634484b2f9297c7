-- Lease messages; before that, promote those that are due, and take back those whose lease has lapsed.
-- KEYS[1]  the queue
-- ARGV[1]  at most so many messages    ARGV[2]  lease, ms    ARGV[3]  after so many lapses it is dead
-- ARGV[4]  how long dead ones are kept, ms    ARGV[5]  at most so many messages are promoted, and taken back
-- Returns {ms until there is something to do, or -1; {id, token, 1 if a lease of it has lapsed before, message, and so on};
-- {id, reason, message, and so on, of dead ones that are to be told about}}.
write_though_full()
local lease, retention, most = tonumber(ARGV[2]), tonumber(ARGV[4]), ARGV[5]
local now = now_ms()
local grace = beat(now, lease)

for _, id in ipairs(call('ZRANGEBYSCORE', delayed, '-inf', text(now), 'LIMIT', 0, most)) do
  call('ZREM', delayed, id)
  promote(id)
end

if now >= grace then
  for _, id in ipairs(call('ZRANGEBYSCORE', leases, '-inf', text(now), 'LIMIT', 0, most)) do
    call('ZREM', leases, id)
    -- The first time nobody knows which of a worker's messages has killed it; later on those that were not begun are innocent.
    local count = number(call('HGET', lapses, id)) or 0
    if call('HDEL', started, id) == 1 or count == 0 then
      count = count + 1
      call('HSET', lapses, id, text(count))
    end
    if count >= tonumber(ARGV[3]) then
      bury(id, call('HGET', messages, id), 'DELIVERIES_EXHAUSTED', now, retention, 0)
    else
      put_back(id)
    end
  end
end

local leased = {}
if tonumber(ARGV[1]) > 0 then
  local popped = call('ZPOPMIN', ready, ARGV[1])
  local time = raw('TIME')
  local moment, lapse = text(time[1] * 1000000 + time[2]), text(now + lease)
  local have_lapsed = raw('EXISTS', lapses) == 1
  local ids, tokens, lapse_of = {}, {}, {}
  for i = 1, #popped, 2 do
    local id, token = popped[i], moment .. ' ' .. popped[i + 1]
    ids[#ids + 1] = id
    tokens[i], tokens[i + 1] = id, token
    lapse_of[i], lapse_of[i + 1] = lapse, id
  end
  if #ids > 0 then
    call('HSET', deliveries, unpack(tokens))
    call('ZADD', leases, unpack(lapse_of))
    for i, message in ipairs(call('HMGET', messages, unpack(ids))) do
      leased[#leased + 1] = ids[i]
      leased[#leased + 1] = tokens[2 * i]
      leased[#leased + 1] = have_lapsed and call('HEXISTS', lapses, ids[i]) or 0
      leased[#leased + 1] = message
    end
  end
end

local news = {}
for _, id in ipairs(call('ZRANGEBYSCORE', untold, '-inf', text(now), 'LIMIT', 0, 10)) do
  local message = call('HGET', letters, id)
  if message then
    call('ZADD', untold, text(now + lease), id)
    news[#news + 1] = id
    news[#news + 1] = call('HGET', reasons, id)
    news[#news + 1] = message
  else
    call('ZREM', untold, id)
  end
end

if raw('EXISTS', ready) == 1 then
  wake()
  return {0, leased, news}
end
raw('DEL', wake_list)
local next_time
local function consider(key, earliest)
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  if first and (not next_time or tonumber(first) < next_time) then
    next_time = math.max(tonumber(first), earliest)
  end
end
consider(leases, grace)
consider(delayed, now)
consider(untold, now)
return {next_time and next_time - now or -1, leased, news}
