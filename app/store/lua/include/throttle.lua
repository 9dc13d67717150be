-- GCRA: the score of a member in a sorted set is the time at which its allowance is full again.
-- NEEDS MINUTE_MS, now_ms
-- GIVES spend, over_limit, forget_allowances
-- When the allowance is full again after one more call; nil and the ms to wait if it is used up.
local function spend(whole_ms, rate_per_minute, burst)
  local step_ms = MINUTE_MS / rate_per_minute
  whole_ms = math.max(tonumber(whole_ms or now_ms), now_ms)
  if whole_ms > now_ms + burst * step_ms + MINUTE_MS then whole_ms = now_ms end -- the clock was set back
  local wait_ms = whole_ms + step_ms - burst * step_ms - now_ms
  if wait_ms > 0.001 then return nil, math.ceil(wait_ms) end
  return whole_ms + step_ms
end
-- The ms to wait; nil if the call was allowed, and counted. A rate of 0 means no limit.
local function over_limit(key, member, rate_per_minute, burst)
  if rate_per_minute == 0 then return nil end
  local whole_ms, wait_ms = spend(redis.call('ZSCORE', key, member), rate_per_minute, burst)
  if wait_ms then return wait_ms end
  redis.call('ZADD', key, whole_ms, member)
  return nil
end
-- Entries in the past are equivalent to none. Dropping twice what a call can add keeps the set small.
local function forget_allowances(key, limit)
  local whole = redis.call('ZRANGEBYSCORE', key, '-inf', now_ms, 'LIMIT', 0, limit)
  if #whole > 0 then redis.call('ZREM', key, unpack(whole)) end
end
