-- Delete dead letters.
-- KEYS[1]  the queue
-- ARGV     their ids; none means all
-- Returns how many were deleted.
write_though_full()
if #ARGV == 0 then
  local count = call('ZCARD', dead)
  raw('DEL', dead, letters, reasons, untold)
  return count
end
local count = 0
for _, id in ipairs(ARGV) do
  count = count + call('HEXISTS', letters, id)
  drop_letter(id)
end
return count
