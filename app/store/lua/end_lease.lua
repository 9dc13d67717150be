-- Ends the lease that a worker has of the room's submissions, and says so to the others, of which one takes
-- it: "free" is heard where the number of submissions is otherwise.
-- KEYS lease
-- ARGV worker, channel
-- REPLY kept|ended
if string.match(redis.call('GET', lease) or '', '^(.*)|%d+$') ~= worker then return { 'kept' } end
redis.call('DEL', lease)
redis.call('PUBLISH', channel, 'free')
return { 'ended' }
