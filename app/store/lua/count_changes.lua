-- Counts calls that pay, extend or give back a reservation, with those that take tickets (`submit.lua`). One
-- that is over a limit is not to be done, whichever process it came to.
-- KEYS turnover
-- ARGV now_ms:clock, visitor_rate:num, visitor_burst:num, network_rate:num, network_burst:num
-- RECORD visitor_id, network
-- USES turnover
-- EACH (word detail)
-- EACH allowed|limited
-- The detail of limited: visitor|network:MS.
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
