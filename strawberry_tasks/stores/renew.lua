-- Renew the leases of attempts.
-- KEYS[1]  {prefix}leases    the leases
-- ARGV[1]  prefix    ARGV[2]  the lease, ms    ARGV[3]  how long a record is kept, ms
-- ARGV[4…] a run's id and its attempt, in turn
-- Returns for each 1 if it is held, 2 if it is held and the run is to be canceled, 0 if it is lost.
local prefix, lease, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
write_though_full(prefix)
local answers = {}
for i = 4, #ARGV, 2 do
  local key = prefix .. 'run:' .. ARGV[i]
  local it = fields(prefix, ARGV[i], 'status', 'attempt', 'cancel_requested', 'version')
  local status, attempt, canceled, version = it[1], it[2], it[3], it[4]
  if status == 'RUNNING' and attempt == ARGV[i + 1] and number(version) then
    hold(prefix, ARGV[i], lease, ttl)
    keep(key, ttl)
    answers[#answers + 1] = canceled == '1' and 2 or 1
  else
    answers[#answers + 1] = 0
  end
end
grace_end(prefix, lease, ttl, true)
return answers
