-- How many called but unclaimed visitors one network may have, so that a client that keeps joining and never
-- claims blocks nobody else: a twentieth of all who could be called at once, at least three; or the number
-- set by staff.
-- NEEDS config, MINUTE_MS, networks, sizes
-- GIVES per_network, network_is_full
local function per_network()
  if (config.per_network or 0) > 0 then return config.per_network end
  local most = config.rate * config.claim_window_ms / MINUTE_MS
  if config.active_max > 0 then most = math.min(most, config.active_max) end
  if sizes.on_sale then most = math.min(most, math.max(1, config.visitors_per_ticket) * sizes.on_sale) end
  return math.max(3, math.ceil(most / 20))
end
local function network_is_full(network)
  return network ~= '' and tonumber(redis.call('HGET', networks, ':' .. network) or 0) >= per_network()
end
