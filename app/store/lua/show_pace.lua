-- Writes the pace for estimates of waits, unless another worker has written one since `expected` was read.
-- KEYS meter
-- ARGV expected, pace
-- REPLY written|overtaken
if redis.call('EXISTS', meter) == 0 then return { 'overtaken' } end
if (redis.call('HGET', meter, 'pace') or '') ~= expected then return { 'overtaken' } end
redis.call('HSET', meter, 'pace', pace)
return { 'written' }
