-- Measured admissions: sixty slots, one a second of the minute, each "second:admissions".
-- NEEDS config, now_ms, outflow
-- GIVES count_outflow, measure_outflow
local function count_outflow(admissions)
  if admissions == 0 then return end
  local second = math.floor(now_ms / 1000)
  local kept, before = string.match(redis.call('HGET', outflow, second % 60) or '', '(%d+):(%d+)')
  if tonumber(kept) == second then admissions = admissions + before end
  redis.call('HSET', outflow, second % 60, string.format('%d:%d', second, admissions))
end
-- A minute's admissions; soon after the opening those so far, as if they went on (from ten seconds on).
local function measure_outflow()
  local now_s, sum = math.floor(now_ms / 1000), 0
  local slots = redis.call('HVALS', outflow)
  for i = 1, #slots do
    local second, admissions = string.match(slots[i], '(%d+):(%d+)')
    second = tonumber(second) -- one still to come was before the clock was set back
    if second > now_s - 60 and second <= now_s then sum = sum + admissions end
  end
  local open_s = math.min(60, math.max(10, (now_ms - config.opened_at_ms) / 1000))
  if now_ms < config.opened_at_ms then open_s = 60 end
  return math.floor(sum * 60 / open_s)
end
