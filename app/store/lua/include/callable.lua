-- How many may be called now: the least of tokens, places under the cap, and free tickets on sale not spoken
-- for. And those: each called visitor speaks for one, each who is inside and has reserved nothing for as many
-- as they want.
-- NEEDS buyers, c, free_off_sale, m, n, restored, state, TOKEN, wanted_inside
-- GIVES callable, within_limits
local function within_limits(room)
  local spare = math.huge
  if c.active_max > 0 then room = math.min(room, c.active_max - n.called - n.active) end
  if c.event_id ~= '' then
    if not n.free then return 0, spare end
    local without_hold = math.max(0, n.active - redis.call('SCARD', buyers))
    n.on_sale = n.free - free_off_sale()
    local allowed = math.floor(c.visitors_per_ticket * n.on_sale + 1e-9)
    local enough_for = math.floor(math.max(1, c.visitors_per_ticket) * n.on_sale + 1e-9)
    spare = enough_for - n.called - without_hold - wanted_inside()
    room = math.min(room, allowed - n.called - without_hold, spare)
  end
  return math.max(0, room), spare
end
local function callable()
  if state ~= 'open' or c.rate == 0 or not restored() or m.frozen_ms then return 0, math.huge end
  return within_limits(math.floor(m.level / TOKEN))
end
