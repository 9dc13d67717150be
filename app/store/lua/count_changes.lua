-- Counts calls that pay, extend or cancel a reservation, together with those that reserve (`submit.lua`). The
-- caller must not carry out one that is over a limit; the limits hold over all processes.
-- KEYS turnover
-- ARGV now_ms:clock, visitor_rate:num, visitor_burst:num, network_rate:num, network_burst:num
-- RECORD visitor_id, network
-- USES turnover
-- EACH (word detail)
-- EACH allowed|limited
-- The detail of limited is visitor|network:MS.
local replies, visitors, from = {}, {}, {}
for visitor_id, network in records() do
  visitors[#visitors + 1], from[#from + 1] = visitor_id, network
end
read_turnover(visitors, from)
for visitor_id, network in records() do
  local word, detail = too_often(visitor_id, network)
  replies[#replies + 1], replies[#replies + 2] = word or 'allowed', detail or ''
end
write_turnover()
return replies
