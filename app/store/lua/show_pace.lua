-- Writes the pace for estimates of waits, unless another worker has written one since `expected` was read.
-- The last word of the pace is stored separately, because the previous release neither knows nor writes it.
-- KEYS meter
-- ARGV expected, pace
-- REPLY written|overtaken
if redis.call('EXISTS', meter) == 0 then return { 'overtaken' } end
local function parts(text) return string.match(text, '^(.*) (%S*)$') end
local was = redis.call('HMGET', meter, 'pace', 'ranges')
local before, ranges_before = parts(expected)
if (was[1] or '') ~= (before or '') or was[2] and was[2] ~= ranges_before then return { 'overtaken' } end
local new, ranges = parts(pace)
redis.call('HSET', meter, 'pace', new, 'ranges', ranges)
return { 'written' }
