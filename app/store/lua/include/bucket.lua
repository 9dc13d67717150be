-- The token bucket, in integers: one admission is TOKEN units, one ms adds `rate` (a minute) units. So no
-- remainder is lost and none is rounded up.
-- NEEDS c, m, MINUTE_MS, now_ms, TOKEN
-- GIVES capacity, settle_bucket
local function capacity() return math.max(c.burst * TOKEN, c.rate * 1000, TOKEN) end
-- Fills the bucket up to now. A clock a little behind adds nothing; one far behind was set back: start from
-- there.
local function settle_bucket()
  local elapsed = now_ms - m.tick_ms
  if elapsed > 0 and c.state == 'open' then m.level = math.min(capacity(), m.level + elapsed * c.rate) end
  if elapsed > 0 or elapsed < -MINUTE_MS then m.tick_ms = now_ms end
end
