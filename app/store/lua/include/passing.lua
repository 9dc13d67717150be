-- Who is called next: the first in the queue for whom enough tickets are free, and whose network does not
-- have too many unclaimed calls. Others are passed over and keep their places; only a limited number of
-- them is examined, to keep ticks short.
-- NEEDS anybody_wants_more, BATCH, meter, networks_of, note, number_of, per_network, progress, sizes, waiting
-- NEEDS wanted_of, write_unclaimed
-- GIVES first_of_line
local PASSED_MAX = 100
local unclaimed, more_of = {}, {} -- network -> how many are called; how many of them by this tick
-- For the public log, once per number: skipped visitors are examined again and again.
local passed_first = {}
local of_lane = '' -- suffix of a lane's fields
local function note_passed(visitor_id, score, why)
  local field = 'passed_noted' .. of_lane
  score = tonumber(score)
  passed_first[of_lane] = passed_first[of_lane] or progress[field] or 0
  if score <= passed_first[of_lane] then return end
  note(string.format('passed %.0f %s %s', number_of(score), visitor_id, why))
  progress[field] = math.max(progress[field] or 0, score)
  redis.call('HSET', meter, field, string.format('%.0f', progress[field]))
end
-- Adds visitors who may be called to `chosen` (visitor_id, number, ...) until it has `count`. Returns the
-- tickets left, the score of the last visitor examined (nil: none), and whether anybody was passed over.
local function choose(flat, count, spare, chosen)
  local last, passed, most = nil, false, per_network()
  for first = 1, #flat, BATCH do
    local visitors = {}
    for i = first, math.min(first + BATCH - 1, #flat), 2 do visitors[#visitors + 1] = flat[i] end
    local quantities, from = wanted_of(visitors), networks_of(visitors, unclaimed)
    for i, visitor_id in ipairs(visitors) do
      if #chosen == 2 * count or spare < 1 then return spare, last, passed end
      local network = from[i]
      last = flat[first + 2 * i - 1]
      if tonumber(quantities[i] or 1) > math.min(spare, sizes.on_sale or spare)
        or network ~= '' and unclaimed[network] >= most then
        passed = true
        note_passed(visitor_id, last, network ~= '' and unclaimed[network] >= most and 'network' or 'tickets')
      else
        chosen[#chosen + 1], chosen[#chosen + 2] = visitor_id, last
        spare = spare - 1
        if network ~= '' then unclaimed[network], more_of[network] = unclaimed[network] + 1, true end
      end
    end
  end
  return spare, last, passed
end
local function note_looked(passed_to, looked_to, passed, more)
  local to, looked = 'passed_to' .. of_lane, 'looked_to' .. of_lane
  if passed and (passed_to ~= progress[to] or looked_to ~= (progress[looked] or 0)) then
    redis.call('HSET', meter, to, passed_to, looked, looked_to)
  elseif progress[to] and not passed and not more then
    redis.call('HDEL', meter, to, looked)
  end
end
-- Returns visitor_id, number, ... and whether anybody was passed over. They hold nobody else up: after the
-- front of the queue, some of those passed over before are examined (from `looked_to`, where the last tick
-- stopped), then those behind the last visitor ever examined (`passed_to`). All numbers here are scores, from
-- `first` to `bound`, those of a lane if the room has lanes.
local function first_of_line(count, spare, bound, first, lane)
  local chosen, passed = {}, false
  of_lane = (lane or 0) > 0 and ':' .. lane or ''
  local passed_before, looked_before = progress['passed_to' .. of_lane], progress['looked_to' .. of_lane]
  local most = (anybody_wants_more() or passed_before) and count + PASSED_MAX or count
  local function look(from, to)
    local flat = redis.call('ZRANGEBYSCORE', waiting, from, to, 'WITHSCORES', 'LIMIT', 0, most)
    local left, last, some_passed = choose(flat, count, spare, chosen)
    spare, passed = left, passed or some_passed
    return tonumber(last), #flat == 2 * most
  end
  local function done() return #chosen == 2 * count or spare < 1 end
  if count == 0 then return chosen, false end
  local last, more = look(first or '-inf', bound)
  if passed then most = count + PASSED_MAX end
  local passed_to, looked_to = math.max(passed_before or 0, last or 0), 0
  if more and not done() and passed_before and passed_before > last then
    local from = math.max(last, looked_before or 0)
    looked_to = look(string.format('(%.0f', from), string.format('%.0f', passed_before)) or 0
  end
  if more and not done() then passed_to = look(string.format('(%.0f', passed_to), bound) or passed_to end
  note_looked(passed_to, looked_to, passed, more)
  write_unclaimed(more_of, unclaimed)
  return chosen, passed
end
