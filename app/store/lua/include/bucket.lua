-- The token bucket, in integers: an admission costs TOKEN units, and each ms adds `rate` (per minute) units.
-- So no remainder is lost or rounded up.
-- NEEDS config, MINUTE_MS, now_ms, progress, TOKEN
-- GIVES capacity, settle_bucket
local function capacity() return math.max(config.burst * TOKEN, config.rate * 1000, TOKEN) end
-- Fills the bucket up to now. A clock slightly behind adds nothing; one far behind was set back, and counts
-- from there.
local function settle_bucket()
  local elapsed = now_ms - progress.tick_ms
  if elapsed > 0 and config.state == 'open' then
    progress.level = math.min(capacity(), progress.level + elapsed * config.rate)
  end
  if elapsed > 0 or elapsed < -MINUTE_MS then progress.tick_ms = now_ms end
end
