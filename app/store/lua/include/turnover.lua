-- Whether a visitor, or a network, takes tickets, pays and gives back more often than they may: word and
-- detail, or nothing. Each call counts, also one that comes to nothing. Kept for an hour after the last one.
-- NEEDS BATCH, forget_allowances, LEFT_ALONE_MS, network_burst, network_rate, over_limit, turnover
-- NEEDS visitor_burst, visitor_rate
-- GIVES too_often, keep_turnover
local function too_often(visitor_id, network)
  local wait_ms = over_limit(turnover, visitor_id, visitor_rate, visitor_burst)
  if wait_ms then return 'limited', 'visitor:' .. wait_ms end
  wait_ms = network ~= '' and over_limit(turnover, ':' .. network, network_rate, network_burst)
  if wait_ms then return 'limited', 'network:' .. wait_ms end
end
local function keep_turnover()
  if visitor_rate + network_rate == 0 then return end
  forget_allowances(turnover, BATCH)
  redis.call('PEXPIRE', turnover, LEFT_ALONE_MS)
end
