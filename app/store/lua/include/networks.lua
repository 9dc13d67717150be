-- Which network a visitor comes from, and how many of it are called and have not claimed: `per_network` at most, so that
-- whoever joins over and over and never comes keeps nobody else from being called. An id of 26 characters says it in its
-- last four (`app/core/tokens.py`); of others `networks` knows, from their join until they claim or are gone.
local some_networks = redis.call('EXISTS', networks) == 1
local function says_network(visitor_id) return #visitor_id == 26 end
local function network_of(visitor_id)
  if says_network(visitor_id) then return string.sub(visitor_id, 23) end
  return some_networks and redis.call('HGET', networks, visitor_id) or ''
end
local function note_network(visitor_id, network)
  if network == '' or says_network(visitor_id) then return end
  redis.call('HSET', networks, visitor_id, network)
  some_networks = true
end
local function forget_network(visitor_id)
  if some_networks and not says_network(visitor_id) then redis.call('HDEL', networks, visitor_id) end
end
local function count_unclaimed(visitor_id, more)
  local network = network_of(visitor_id)
  if network == '' then return end
  local field = ':' .. network
  if redis.call('HINCRBY', networks, field, more) <= 0 then redis.call('HDEL', networks, field) end
  some_networks = true
end
-- A twentieth of all who could be called at once, three at least; or what staff have set.
local function per_network()
  if (c.per_network or 0) > 0 then return c.per_network end
  local most = c.rate * c.claim_window_ms / 60000
  if c.active_max > 0 then most = math.min(most, c.active_max) end
  if n.on_sale then most = math.min(most, math.max(1, c.visitors_per_ticket) * n.on_sale) end
  return math.max(3, math.ceil(most / 20))
end
local function network_is_full(network)
  return network ~= '' and tonumber(redis.call('HGET', networks, ':' .. network) or 0) >= per_network()
end
