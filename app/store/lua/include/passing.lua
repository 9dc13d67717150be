-- Who is called next: the first in the queue for whom enough is free, and of whose network not too many are called and have
-- not claimed. The others are passed over and keep their places; so many at most are looked at besides, that a tick stays short.
local PASSED_MAX = 100
local unclaimed, more_of = {}, {} -- network -> how many are called; those that grow by this tick
-- The networks of visitors, '' for none, and how many of each are called already.
local function read_networks(visitors)
  local from, known, fields, fresh = {}, some_networks and redis.call('HMGET', networks, unpack(visitors)), {}, {}
  for i, visitor_id in ipairs(visitors) do
    local network = says_network(visitor_id) and string.sub(visitor_id, 23) or known and known[i] or ''
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
-- Adds those who may be called to `chosen` (visitor_id, number, ...) until there are `count` of them. Returns the number of the
-- last one looked at, nil for none, and whether anybody was passed over.
local function choose(flat, count, chosen)
  local last, passed, most = nil, false, per_network()
  for first = 1, #flat, 1000 do
    local visitors = {}
    for i = first, math.min(first + 999, #flat), 2 do visitors[#visitors + 1] = flat[i] end
    local quantities = some_wanted and redis.call('HMGET', wanted, unpack(visitors)) or {}
    local from = read_networks(visitors)
    for i, visitor_id in ipairs(visitors) do
      if #chosen == 2 * count or spare < 1 then return last, passed end
      local network = from[i]
      last = flat[first + 2 * i - 1]
      if tonumber(quantities[i] or 1) > math.min(spare, n.on_sale or spare)
        or network ~= '' and unclaimed[network] >= most then
        passed = true
      else
        chosen[#chosen + 1], chosen[#chosen + 2] = visitor_id, last
        spare = spare - 1
        if network ~= '' then
          unclaimed[network] = unclaimed[network] + 1
          more_of[network] = true
        end
      end
    end
  end
  return last, passed
end
-- Returns visitor_id, number, ... and whether anybody was passed over. Nobody is held up by those who are: after the front of
-- the queue comes some of those who were passed over before (`looked_to`: where the last tick stopped), then those behind
-- the last one that was ever looked at (`passed_to`).
local function first_of_line(count, bound)
  local chosen, passed = {}, false
  local most = (some_wanted or m.passed_to) and count + PASSED_MAX or count
  local function look(from, to)
    local flat = redis.call('ZRANGEBYSCORE', waiting, from, to, 'WITHSCORES', 'LIMIT', 0, most)
    local last, some_passed = choose(flat, count, chosen)
    passed = passed or some_passed
    return tonumber(last), #flat == 2 * most
  end
  local function done() return #chosen == 2 * count or spare < 1 end
  if count == 0 then return chosen, false end
  local last, more = look('-inf', bound)
  local passed_to, looked_to = math.max(m.passed_to or 0, last or 0), 0
  if more and not done() and m.passed_to and m.passed_to > last then
    local from = math.max(last, m.looked_to or 0)
    looked_to = look(string.format('(%.0f', from), string.format('%.0f', m.passed_to)) or 0
  end
  if more and not done() then passed_to = look(string.format('(%.0f', passed_to), bound) or passed_to end
  if passed and (passed_to ~= m.passed_to or looked_to ~= (m.looked_to or 0)) then
    redis.call('HSET', meter, 'passed_to', passed_to, 'looked_to', looked_to)
  elseif m.passed_to and not passed and not more then
    redis.call('HDEL', meter, 'passed_to', 'looked_to')
  end
  local counts = {}
  for network in pairs(more_of) do
    counts[#counts + 1], counts[#counts + 2] = ':' .. network, unclaimed[network]
  end
  for first = 1, #counts, 1000 do
    redis.call('HSET', networks, unpack(counts, first, math.min(first + 999, #counts)))
  end
  return chosen, passed
end
