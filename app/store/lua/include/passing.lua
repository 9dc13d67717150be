-- Who is called next: the first in the queue for whom enough is free, and whose network does not have too
-- many unclaimed calls. Others are passed over and keep their places; only a limited number of them is
-- examined, to keep ticks short.
-- NEEDS anybody_wants_more, BATCH, meter, networks_of, per_network, progress, sizes, waiting, wanted_of
-- NEEDS write_unclaimed
-- GIVES first_of_line
local PASSED_MAX = 100
local unclaimed, more_of = {}, {} -- network -> how many are called; how many of them by this tick
-- Adds visitors who may be called to `chosen` (visitor_id, number, ...) until it has `count`. Returns the
-- tickets left, the number of the last visitor examined (nil: none), and whether anybody was passed over.
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
  if passed and (passed_to ~= progress.passed_to or looked_to ~= (progress.looked_to or 0)) then
    redis.call('HSET', meter, 'passed_to', passed_to, 'looked_to', looked_to)
  elseif progress.passed_to and not passed and not more then
    redis.call('HDEL', meter, 'passed_to', 'looked_to')
  end
end
-- Returns visitor_id, number, ... and whether anybody was passed over. They hold nobody else up: after the
-- front of the queue, some of those passed over before are examined (from `looked_to`, where the last tick
-- stopped), then those behind the last visitor ever examined (`passed_to`).
local function first_of_line(count, spare, bound)
  local chosen, passed = {}, false
  local most = (anybody_wants_more() or progress.passed_to) and count + PASSED_MAX or count
  local function look(from, to)
    local flat = redis.call('ZRANGEBYSCORE', waiting, from, to, 'WITHSCORES', 'LIMIT', 0, most)
    local left, last, some_passed = choose(flat, count, spare, chosen)
    spare, passed = left, passed or some_passed
    return tonumber(last), #flat == 2 * most
  end
  local function done() return #chosen == 2 * count or spare < 1 end
  if count == 0 then return chosen, false end
  local last, more = look('-inf', bound)
  if passed then most = count + PASSED_MAX end
  local passed_to, looked_to = math.max(progress.passed_to or 0, last or 0), 0
  if more and not done() and progress.passed_to and progress.passed_to > last then
    local from = math.max(last, progress.looked_to or 0)
    looked_to = look(string.format('(%.0f', from), string.format('%.0f', progress.passed_to)) or 0
  end
  if more and not done() then passed_to = look(string.format('(%.0f', passed_to), bound) or passed_to end
  note_looked(passed_to, looked_to, passed, more)
  write_unclaimed(more_of, unclaimed)
  return chosen, passed
end
