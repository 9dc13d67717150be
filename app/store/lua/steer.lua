-- Writes a decision of the autopilot, unless another worker has written one since `expected` was read: of
-- several workers with the same reports, one decides.
-- KEYS origin
-- ARGV expected, course, ttl_ms:num
-- REPLY written | overtaken
if (redis.call('HGET', origin, 'course') or '') ~= expected then return { 'overtaken' } end
redis.call('HSET', origin, 'course', course)
redis.call('PEXPIRE', origin, ttl_ms)
return { 'written' }
