-- Read a page of runs, newest first, and drop ids on the way whose runs are gone.
-- KEYS[1]  {prefix}runs, or {prefix}owner:{owner}    the index
-- ARGV[1]  prefix    ARGV[2]  at most so many runs
-- ARGV[3]  ms since the epoch at which the last run seen was created, or ''    ARGV[4]  its id, or ''
-- ARGV[5…] the names of the fields to read
-- Returns {1 if there may be more, else 0; for each run its id, its place in the index and, unless its record is no hash, the values
-- of the fields…}. It looks at 1000 ids at the most, so the
-- page may be empty though there are more: ask again, the ids that were in the way are gone.
local prefix, first, seen = ARGV[1], tonumber(ARGV[2]), ARGV[4]
local chunk, most = 100, 1000
local newest, seen_score = '+inf', false
if seen ~= '' then
  seen_score = call('ZSCORE', KEYS[1], seen)
  -- Once it is gone, its siblings of the same millisecond are passed over rather than repeated.
  newest = seen_score or '(' .. ARGV[3] .. '000'
end

local page, gone, offset = {0}, {}, 0
local function read(entry, score)
  if score == seen_score and entry >= seen then
    return
  end
  local record = fields(prefix, entry, unpack(ARGV, 5))
  if not record[1] and raw('EXISTS', prefix .. 'run:' .. entry) == 0 then
    gone[#gone + 1] = entry
  elseif #page > first then
    page[1] = 1
  else
    page[#page + 1] = {entry, score, unpack(record, 1, #ARGV - 4)}
  end
end

local entries
repeat
  entries = call('ZREVRANGEBYSCORE', KEYS[1], newest, '-inf', 'WITHSCORES', 'LIMIT', offset, chunk)
  for i = 1, #entries, 2 do
    if page[1] == 0 then
      read(entries[i], entries[i + 1])
    end
  end
  offset = offset + chunk
until page[1] == 1 or #entries < chunk * 2 or offset == most
if offset == most and #entries == chunk * 2 then
  page[1] = 1
end

for _, entry in ipairs(gone) do
  call('ZREM', KEYS[1], entry)
end
return page
