-- Divides calls among the lanes in which anybody waits, by deficit round robin (M. Shreedhar and G. Varghese,
-- IEEE/ACM Transactions on Networking 4(3), 1996). Each round a lane earns its share of one call, and whole
-- calls are paid from its credit. An empty lane earns and keeps nothing: its share goes to the others. The
-- credits are in field `lane_credit` of `meter`, after the lane whose turn it is.
-- NEEDS band_of, meter, progress, shares_of_lanes, sizes, waiting
-- GIVES bounds_of_lane, waiting_by_lane, divide_among_lanes, close_lane
local CALL = 1000000 -- the price of a call: integers, so that nothing depends on rounding
local at, credit = 0, nil
local function read_credit()
  if credit then return end
  credit = {}
  local kept = string.gmatch(progress.lane_credit or '0', '%d+')
  at = tonumber(kept()) % #shares_of_lanes()
  for lane = 0, #shares_of_lanes() - 1 do credit[lane] = tonumber(kept() or 0) end
end
local function write_credit()
  local text = { at }
  for lane = 0, #credit do text[lane + 2] = string.format('%d', credit[lane]) end
  progress.lane_credit = table.concat(text, ' ')
  redis.call('HSET', meter, 'lane_credit', progress.lane_credit)
end
-- During a draw only the numbers below the next one to be drawn are complete.
local function bounds_of_lane(lane)
  local from, to = band_of(lane)
  if sizes.prequeue == 0 then return from, to end
  return from, string.format('(%.0f', tonumber(string.sub(from, 2)) + progress.draw_next)
end
local function waiting_by_lane()
  local left = {}
  for lane = 0, #shares_of_lanes() - 1 do
    left[lane] = redis.call('ZCOUNT', waiting, bounds_of_lane(lane))
  end
  return left
end
-- The lanes that the next `count` calls go to, in order, or fewer if too few people wait. `left` is how many
-- wait in each, and is reduced accordingly.
local function divide_among_lanes(count, left)
  read_credit()
  local shares, sum, order = shares_of_lanes(), 0, {}
  for lane = 0, #left do sum = sum + (left[lane] > 0 and shares[lane + 1] or 0) end
  while #order < count and sum > 0 do
    local share = shares[at + 1]
    if left[at] > 0 then credit[at] = credit[at] + math.floor(share * CALL / sum) end
    if left[at] > 0 and credit[at] >= CALL then
      order[#order + 1], left[at], credit[at] = at, left[at] - 1, credit[at] - CALL
      if left[at] == 0 then sum = sum - share end
    end
    if left[at] == 0 then credit[at] = 0 end
    at = (at + 1) % #shares
  end
  if #order > 0 then write_credit() end
  return order
end
-- Nobody else in this lane can be called now.
local function close_lane(lane, left)
  left[lane], credit[lane] = 0, 0
  write_credit()
end
