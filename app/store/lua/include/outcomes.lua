-- Known outcomes of many submissions: today's, or yesterday's where there is none.
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
-- Fields and values for `outcomes`, written together at the end.
local written = {}
local function remember(field, value)
  written[#written + 1], written[#written + 2] = field, value
end
local function write_outcomes()
  if #written == 0 then return end
  redis.call('HSET', outcomes, unpack(written))
  redis.call('EXPIRE', outcomes, OUTCOMES_KEPT_S)
end
