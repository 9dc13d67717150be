-- The network of each visitor, and how many of a network are called and have not claimed, in field :NETWORK.
-- Ids of anonymous visitors, and so of suspects, contain it (`app/core/tokens/place_tokens.py`); for others
-- it is in `networks`, from their join until they claim or are gone.
-- NEEDS BATCH, NETWORK_CHARS, networks, VISITOR_ID_CHARS
-- GIVES network_of, note_network, forget_network, count_unclaimed, networks_of, write_unclaimed
local some_networks = redis.call('EXISTS', networks) == 1
local function says_network(visitor_id) return #visitor_id >= VISITOR_ID_CHARS end
local function said_network(visitor_id)
  return string.sub(visitor_id, VISITOR_ID_CHARS - NETWORK_CHARS + 1, VISITOR_ID_CHARS)
end
local function network_of(visitor_id)
  if says_network(visitor_id) then return said_network(visitor_id) end
  return some_networks and redis.call('HGET', networks, visitor_id) or ''
end
local function note_network(visitor_id, network)
  if says_network(visitor_id) or network == '' then return end
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
-- The networks of many visitors, '' for none; also reads counts missing from `unclaimed`.
local function networks_of(visitors, unclaimed)
  local known = some_networks and redis.call('HMGET', networks, unpack(visitors)) or {}
  local from, fresh, fields = {}, {}, {}
  for i, visitor_id in ipairs(visitors) do
    local network = says_network(visitor_id) and said_network(visitor_id) or known[i] or ''
    from[i] = network
    if network ~= '' and not unclaimed[network] then
      unclaimed[network], fresh[#fresh + 1], fields[#fields + 1] = 0, network, ':' .. network
    end
  end
  if some_networks and #fields > 0 then
    for i, count in ipairs(redis.call('HMGET', networks, unpack(fields))) do
      unclaimed[fresh[i]] = tonumber(count or 0)
    end
  end
  return from
end
local function write_unclaimed(changed, unclaimed)
  local counts = {}
  for network in pairs(changed) do
    counts[#counts + 1], counts[#counts + 2] = ':' .. network, unclaimed[network]
  end
  for first = 1, #counts, BATCH do
    redis.call('HSET', networks, unpack(counts, first, math.min(first + BATCH - 1, #counts)))
  end
end
