-- Calls up to `count` eligible visitors in the order of their numbers, for `spare` tickets; in a room with
-- lanes those of each lane, which share the calls. During a draw only the numbers below the next one to be
-- drawn are complete, so only those may be called. Returns how many were called.
-- NEEDS called, close_lane, config, divide_among_lanes, endings, bounds_of_lane, first_of_line, now_ms
-- NEEDS number_of, progress, raise_serving, sizes, tell_of_visitor, TOKEN, turns, waiting, waiting_by_lane
-- NEEDS window_after
-- GIVES call_first
local CALLED_AT_ONCE = 100 -- per command: with 1,000, a tick of 1,000 took 10 to 25 % longer
local function call_these(flat, passed)
  if #flat == 0 then return 0 end
  for first = 1, #flat, CALLED_AT_ONCE do
    local last, deadlines, visitors = math.min(first + CALLED_AT_ONCE - 1, #flat), {}, {}
    for i = first, last, 2 do visitors[#visitors + 1] = flat[i] end
    local before = redis.call('HMGET', endings, unpack(visitors))
    for i, visitor_id in ipairs(visitors) do
      deadlines[#deadlines + 1] = now_ms + window_after(before[i])
      deadlines[#deadlines + 1] = visitor_id
      tell_of_visitor('called', visitor_id, flat[first + 2 * i - 1])
    end
    redis.call('ZADD', called, unpack(deadlines))
    redis.call('HSET', turns, unpack(flat, first, last))
    if passed then redis.call('ZREM', waiting, unpack(visitors)) end
  end
  local calls = #flat / 2
  if not passed then redis.call('ZREMRANGEBYRANK', waiting, 0, calls - 1) end
  sizes.waiting = sizes.waiting - calls
  sizes.called = sizes.called + calls
  progress.level = progress.level - calls * TOKEN
  progress.admitted = progress.admitted + calls
  return calls
end
-- The first of each lane, in the order of these turns of lanes. A lane with fewer visitors for whom enough
-- tickets are free gives its remaining turns to the others, in another round.
local function first_of_lanes(order, spare, left)
  local quota, found, taken, flat = {}, {}, {}, {}
  for _, lane in ipairs(order) do quota[lane] = (quota[lane] or 0) + 1 end
  for lane = 0, #left do
    if quota[lane] then
      local from, to = bounds_of_lane(lane)
      found[lane], taken[lane] = first_of_line(quota[lane], spare, to, from, lane), 0
      local calls = #found[lane] / 2
      spare = spare - calls
      if calls < quota[lane] then close_lane(lane, left) end
      if calls > 0 then raise_serving(lane, number_of(found[lane][2 * calls])) end
    end
  end
  for _, lane in ipairs(order) do
    local at = 2 * taken[lane]
    if found[lane][at + 1] then
      flat[#flat + 1] = found[lane][at + 1]
      flat[#flat + 1] = string.format('%.0f', number_of(found[lane][at + 2]))
      taken[lane] = taken[lane] + 1
    end
  end
  return flat
end
local function call_first(count, spare)
  if not config.lanes then
    local bound = sizes.prequeue > 0 and string.format('(%d', progress.draw_next) or '+inf'
    local flat, passed = first_of_line(count, spare, bound)
    if #flat > 0 then raise_serving(0, tonumber(flat[#flat])) end
    return call_these(flat, passed)
  end
  local calls, left = 0, waiting_by_lane()
  repeat
    local order = divide_among_lanes(count - calls, left)
    calls = calls + call_these(first_of_lanes(order, spare - calls, left), true)
  until #order == 0
  return calls
end
