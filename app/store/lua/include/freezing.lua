-- While Postgres is unavailable nobody can claim: then nobody is called, and claim windows stand still, from
-- its last answer on. `thawed_ms` keeps workers that disagree from counting a moment twice.
-- NEEDS called, m, meter, now_ms, thawed
-- GIVES freeze, thaw
local function freeze(silent_ms)
  if m.frozen_ms then return end
  local since_ms = math.max(now_ms - silent_ms, m.thawed_ms or 0)
  m.frozen_ms = math.min(since_ms, now_ms) -- the clock may have been set back
  redis.call('HSET', meter, 'frozen_ms', m.frozen_ms)
end
local function thaw()
  if not m.frozen_ms then return end
  local flat = redis.call('ZRANGE', called, 0, -1, 'WITHSCORES')
  for first = 1, #flat, 200 do
    local deadlines = {}
    for i = first, math.min(first + 199, #flat), 2 do
      deadlines[#deadlines + 1] = thawed(tonumber(flat[i + 1]))
      deadlines[#deadlines + 1] = flat[i]
    end
    redis.call('ZADD', called, unpack(deadlines))
  end
  redis.call('HSET', meter, 'thawed_ms', now_ms)
  redis.call('HDEL', meter, 'frozen_ms')
  m.frozen_ms = nil
end
