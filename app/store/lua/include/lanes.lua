-- Lanes: groups of visitors, each with a share of the calls, and lane 0, the ordinary one, for everybody
-- else. The ids of members and suspects end in the digit of their lane (`app/core/lanes.py`). In `waiting`,
-- and in the pre-queue of a fifo room, each lane has a band of scores: LANE_BAND times the lane, plus the
-- queue number. So lanes need no state per visitor, and a room without lanes is unaffected.
-- NEEDS config, LANE_BAND, MEMBER_ID_CHARS, meter, prequeue, progress, SUSPECT_ID_CHARS, waiting
-- GIVES shares_of_lanes, lane_of, score_of, number_of, band_of, serving_of, raise_serving
-- GIVES restored_serving_of, lanes_now
local function figures(text)
  local found = {}
  for figure in string.gmatch(text or '', '%d+') do found[#found + 1] = tonumber(figure) end
  return found
end
-- The share of each lane, that of the ordinary one first; empty: the room has no lanes.
local shares_read, shares = nil, {}
local function shares_of_lanes()
  if shares_read ~= config.lanes then shares_read, shares = config.lanes, figures(config.lanes) end
  return shares
end
local function lane_of(visitor_id)
  if not config.lanes then return 0 end
  if #visitor_id ~= MEMBER_ID_CHARS and #visitor_id ~= SUSPECT_ID_CHARS then return 0 end
  local lane = tonumber(string.sub(visitor_id, -1))
  return lane and lane < #shares_of_lanes() and lane or 0
end
local function score_of(visitor_id, number)
  local lane = lane_of(visitor_id)
  return lane == 0 and number or lane * LANE_BAND + number
end
local function number_of(score) return tonumber(score) % LANE_BAND end
-- The range of a lane's scores; the band has no number 0. The last lane also contains visitors of a lane that
-- no longer exists: staff may have removed it at the moment the pre-queue began.
local function band_of(lane)
  local is_last = lane >= #shares_of_lanes() - 1
  local to = is_last and '+inf' or string.format('(%.0f', (lane + 1) * LANE_BAND)
  return string.format('(%.0f', lane * LANE_BAND), to
end
local function serving_of(lane)
  if lane == 0 then return progress.serving_position end
  return figures(progress.lane_serving)[lane + 1] or 0
end
local function raise_serving(lane, number)
  if lane == 0 then
    progress.serving_position = math.max(progress.serving_position, number)
    return
  end
  local to = {}
  for it = 0, #shares_of_lanes() - 1 do
    to[it + 1] = string.format('%.0f', it == 0 and 0 or serving_of(it))
  end
  to[lane + 1] = string.format('%.0f', math.max(number, serving_of(lane)))
  progress.lane_serving = table.concat(to, ' ')
  redis.call('HSET', meter, 'lane_serving', progress.lane_serving)
end
-- The highest number in a visitor's lane that was called before Redis was lost.
local function restored_serving_of(visitor_id)
  local lane = lane_of(visitor_id)
  return lane == 0 and config.restored_serving or figures(config.restored_lanes)[lane + 1] or 0
end
-- For each lane its share, its serving position and how many wait; in the pre-queue of a lottery nobody is
-- counted in a lane.
local function lanes_now()
  local found, fifo = {}, config.method == 'fifo'
  for lane = 0, #shares_of_lanes() - 1 do
    local from, to = band_of(lane)
    local waits = redis.call('ZCOUNT', waiting, from, to)
    if fifo then waits = waits + redis.call('ZCOUNT', prequeue, from, to) end
    found[lane + 1] = string.format('%d %.0f %d', shares_of_lanes()[lane + 1], serving_of(lane), waits)
  end
  return table.concat(found, ' ')
end
