-- Measured admissions: sixty slots, one for each second of the minute, as "second:admissions". `moved_ms` is
-- first written by a tick: without a worker of this version it is not known since when the queue has not
-- moved.
-- NEEDS config, now_ms, outflow, progress
-- GIVES count_outflow, measure_outflow
local function count_outflow(admissions)
  if admissions == 0 then return end
  if (progress.moved_ms or 0) > 0 then progress.moved_ms = now_ms end
  local second = math.floor(now_ms / 1000)
  local kept, before = string.match(redis.call('HGET', outflow, second % 60) or '', '(%d+):(%d+)')
  if tonumber(kept) == second then admissions = admissions + before end
  redis.call('HSET', outflow, second % 60, string.format('%d:%d', second, admissions))
end
-- Admissions per minute; in the first minute after opening extrapolated, over at least ten seconds. Also
-- returns the second of the last slot.
local function measure_outflow()
  local now_s, sum, last_s = math.floor(now_ms / 1000), 0, 0
  local slots = redis.call('HVALS', outflow)
  for i = 1, #slots do
    local second, admissions = string.match(slots[i], '(%d+):(%d+)')
    second = tonumber(second) -- later than now: from before the clock was set back
    if second > now_s - 60 and second <= now_s then sum = sum + admissions end
    if second <= now_s then last_s = math.max(last_s, second) end
  end
  local open_s = math.min(60, math.max(10, (now_ms - config.opened_at_ms) / 1000))
  if now_ms < config.opened_at_ms then open_s = 60 end
  return math.floor(sum * 60 / open_s), last_s
end
