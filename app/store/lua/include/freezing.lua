-- While a store is unavailable nobody can claim, so nobody is called and claim windows pause, from the last
-- moment at which both stores are known to have answered. `thawed_ms` is up to when outages have been
-- counted, so that workers that disagree count no moment twice.
-- NEEDS active, called, config, later, meter, now_ms, progress, put_off, STOOD_LONG_MS
-- GIVES freeze, stand_still, thaw
local function freeze(from_ms)
  if progress.frozen_ms then return end
  from_ms = math.max(from_ms, progress.thawed_ms or 0)
  progress.frozen_ms = math.min(from_ms, now_ms) -- the clock may have been set back
  redis.call('HSET', meter, 'frozen_ms', progress.frozen_ms)
end
local function stood_still(from_ms, until_ms, restored)
  if until_ms <= from_ms then return end
  local flat = redis.call('ZRANGEBYSCORE', called, '(' .. from_ms, '+inf', 'WITHSCORES')
  for first = 1, #flat, 200 do
    local deadlines = {}
    for i = first, math.min(first + 199, #flat), 2 do
      deadlines[#deadlines + 1] = later(tonumber(flat[i + 1]), from_ms, until_ms)
      deadlines[#deadlines + 1] = flat[i]
    end
    redis.call('ZADD', called, unpack(deadlines))
  end
  -- Sessions that began meanwhile may not have been stored, and their visitors do not know of them. A
  -- restored room has only those that are in Postgres.
  if until_ms - from_ms >= STOOD_LONG_MS and not restored then
    local begun_ms = math.floor(from_ms / 1000) * 1000 + config.session_ttl_ms
    flat = redis.call('ZRANGEBYSCORE', active, begun_ms, '+inf', 'WITHSCORES')
    for i = 1, #flat, 2 do put_off(flat[i], tonumber(flat[i + 1])) end
  end
  progress.thawed_ms = until_ms
  redis.call('HSET', meter, 'thawed_ms', until_ms)
end
local function thaw(restored)
  if not progress.frozen_ms then return end
  local from_ms = progress.frozen_ms
  progress.frozen_ms = nil
  redis.call('HDEL', meter, 'frozen_ms')
  stood_still(from_ms, now_ms, restored)
end
-- Counts a past outage that no worker may have noticed while it lasted.
local function stand_still(from_ms, until_ms)
  thaw()
  stood_still(math.max(from_ms, progress.thawed_ms or 0), math.min(until_ms, now_ms))
end
