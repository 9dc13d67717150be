-- How many of one network may be called without having claimed, so that whoever joins over and over and never
-- comes keeps nobody else from being called: a twentieth of all who could be called at once, three at least;
-- or what staff have set.
-- NEEDS c, MINUTE_MS, n, networks
-- GIVES per_network, network_is_full
local function per_network()
  if (c.per_network or 0) > 0 then return c.per_network end
  local most = c.rate * c.claim_window_ms / MINUTE_MS
  if c.active_max > 0 then most = math.min(most, c.active_max) end
  if n.on_sale then most = math.min(most, math.max(1, c.visitors_per_ticket) * n.on_sale) end
  return math.max(3, math.ceil(most / 20))
end
local function network_is_full(network)
  return network ~= '' and tonumber(redis.call('HGET', networks, ':' .. network) or 0) >= per_network()
end
