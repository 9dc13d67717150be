-- Without a crowd a visitor is called at once if enough tickets are free: call `open_at_once` once, then the
-- others per visitor. Never in a room in parts, where the parts give out numbers.
-- NEEDS callable, config, lane_of, progress, raise_serving, sizes, TOKEN
-- GIVES open_at_once, may_be_called, take_call
local calls, spare = 0, 0
local function open_at_once()
  if not config.parts then calls, spare = callable() end
end
local function may_be_called(quantity)
  local nobody_waits = sizes.waiting + sizes.prequeue == 0
  return calls > 0 and nobody_waits and quantity <= math.min(spare, sizes.on_sale or spare)
end
local function take_call(visitor_id, number)
  calls, spare = calls - 1, spare - 1
  progress.level, progress.admitted = progress.level - TOKEN, progress.admitted + 1
  raise_serving(lane_of(visitor_id), number)
end
