-- Removes a part of a room that is gone; one of another room of the same name is left alone.
-- KEYS part, arrivals, throttle
-- ARGV generation
-- REPLY forgotten|kept
local found = redis.call('HGET', part, 'generation')
if found and found ~= generation then return { 'kept' } end
redis.call('UNLINK', part, arrivals, throttle)
return { 'forgotten' }
