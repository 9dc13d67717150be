-- What is known of many submissions at once: today's outcomes, and where there is none yesterday's.
-- NEEDS outcomes, outcomes_before, OUTCOMES_KEPT_S
-- GIVES recall, remember, write_outcomes
local function recall(fields)
  local found = redis.call('HMGET', outcomes, unpack(fields))
  if redis.call('EXISTS', outcomes_before) == 1 then
    for i, before in ipairs(redis.call('HMGET', outcomes_before, unpack(fields))) do
      found[i] = found[i] or before
    end
  end
  return found
end
-- Fields and values for `outcomes`, written at once in the end.
local written = {}
local function remember(field, value)
  written[#written + 1], written[#written + 2] = field, value
end
local function write_outcomes()
  if #written == 0 then return end
  redis.call('HSET', outcomes, unpack(written))
  redis.call('EXPIRE', outcomes, OUTCOMES_KEPT_S)
end
