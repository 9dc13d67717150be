-- How many may be called now: the minimum of tokens in the bucket, places under the cap, and unclaimed free
-- tickets on sale, which are also returned: a called visitor is expected to take one, a visitor inside who
-- has reserved nothing as many as they want.
-- NEEDS buyers, config, free_off_sale, progress, restored, sizes, state, TOKEN, wanted_inside
-- GIVES callable, within_limits
local function within_limits(room)
  local spare = math.huge
  if config.active_max > 0 then room = math.min(room, config.active_max - sizes.called - sizes.active) end
  if config.event_id ~= '' then
    if not sizes.free then return 0, spare end
    local without_hold = math.max(0, sizes.active - redis.call('SCARD', buyers))
    sizes.on_sale = sizes.free - free_off_sale()
    local allowed = math.floor(config.visitors_per_ticket * sizes.on_sale + 1e-9)
    local enough_for = math.floor(math.max(1, config.visitors_per_ticket) * sizes.on_sale + 1e-9)
    spare = enough_for - sizes.called - without_hold - wanted_inside()
    room = math.min(room, allowed - sizes.called - without_hold, spare)
  end
  return math.max(0, room), spare
end
local function callable()
  if state ~= 'open' or config.rate == 0 or not restored() or progress.frozen_ms then return 0, math.huge end
  return within_limits(math.floor(progress.level / TOKEN))
end
