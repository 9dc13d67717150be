-- The token bucket, in integers: one admission is 60,000 units, one ms adds `rate` (a minute) units. So no
-- remainder is lost and none is rounded up.
local TOKEN = 60000
local function capacity() return math.max(c.burst * TOKEN, c.rate * 1000, TOKEN) end
-- Fills the bucket up to now. A clock a little behind adds nothing; one far behind was set back: start from there.
local function settle_bucket()
  local elapsed = now_ms - m.tick_ms
  if elapsed > 0 and c.state == 'open' then m.level = math.min(capacity(), m.level + elapsed * c.rate) end
  if elapsed > 0 or elapsed < -60000 then m.tick_ms = now_ms end
end
-- How many may be called now: the least of tokens, places under the cap, and free tickets on sale not spoken for. Those are
-- `spare`: each called visitor speaks for one, each who is inside and has reserved nothing for as many as they want.
local spare = math.huge
local function callable()
  if state ~= 'open' or c.rate == 0 or not restored() or m.frozen_ms then return 0 end
  local room = math.floor(m.level / TOKEN)
  if c.active_max > 0 then room = math.min(room, c.active_max - n.called - n.active) end
  if c.event_id ~= '' then
    if not n.free then return 0 end
    local without_hold = math.max(0, n.active - redis.call('SCARD', buyers))
    n.on_sale = n.free - free_off_sale()
    local allowed = math.floor(c.visitors_per_ticket * n.on_sale + 1e-9)
    local enough_for = math.floor(math.max(1, c.visitors_per_ticket) * n.on_sale + 1e-9)
    spare = enough_for - n.called - without_hold - wanted_inside()
    room = math.min(room, allowed - n.called - without_hold, spare)
  end
  return math.max(0, room)
end
