-- The first `count` of the line for whom enough is free. Who wants more at once than that is passed over and keeps their
-- place; so many at most are looked at besides, that a tick stays short.
local PASSED_MAX = 100
local function choose(flat, count)
  local chosen, passed = {}, false
  for first = 1, #flat, 1000 do
    local visitors = {}
    for i = first, math.min(first + 999, #flat), 2 do visitors[#visitors + 1] = flat[i] end
    local quantities = redis.call('HMGET', wanted, unpack(visitors))
    for i = 1, #visitors do
      if #chosen == 2 * count or spare < 1 then return chosen, passed end
      local quantity = tonumber(quantities[i] or 1)
      if quantity <= math.min(spare, n.on_sale or spare) then
        chosen[#chosen + 1] = visitors[i]
        chosen[#chosen + 1] = flat[first + 2 * i - 1]
        spare = spare - quantity
        if quantity > 1 then wanted_by_called(quantity - 1) end
      else
        passed = true
      end
    end
  end
  return chosen, passed
end
-- Returns visitor_id, number, ... and whether anybody was passed over. When none of those at the front can be called, as
-- many are looked at further back, each tick where the last one stopped: so they hold up nobody.
local function first_of_line(count, bound)
  local most = count + PASSED_MAX
  local function look(from)
    return redis.call('ZRANGEBYSCORE', waiting, from, bound, 'WITHSCORES', 'LIMIT', 0, some_wanted and most or count)
  end
  if count == 0 then return {}, false end
  local flat = look('-inf')
  if not some_wanted then return flat, false end
  local chosen, passed = choose(flat, count)
  if #chosen > 0 or #flat < 2 * most then return chosen, passed end
  flat = look(string.format('(%d', math.max(tonumber(flat[#flat]), m.looked_to or 0)))
  chosen, passed = choose(flat, count)
  redis.call('HSET', meter, 'looked_to', #flat == 2 * most and #chosen == 0 and flat[#flat] or 0)
  return chosen, true
end
