-- Measured admissions: sixty slots, one a second of the minute, each "second:admissions". `moved_ms` begins
-- with a tick: where no worker of this version ticks nobody knows since when the queue has stood still.
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
-- A minute's admissions; soon after the opening those so far, as if they went on (from ten seconds on).
-- And the second of the last one there is a slot of.
local function measure_outflow()
  local now_s, sum, last_s = math.floor(now_ms / 1000), 0, 0
  local slots = redis.call('HVALS', outflow)
  for i = 1, #slots do
    local second, admissions = string.match(slots[i], '(%d+):(%d+)')
    second = tonumber(second) -- one still to come was before the clock was set back
    if second > now_s - 60 and second <= now_s then sum = sum + admissions end
    if second <= now_s then last_s = math.max(last_s, second) end
  end
  local open_s = math.min(60, math.max(10, (now_ms - config.opened_at_ms) / 1000))
  if now_ms < config.opened_at_ms then open_s = 60 end
  return math.floor(sum * 60 / open_s), last_s
end
