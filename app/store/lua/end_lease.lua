-- Ends the lease that a worker has of the room's submissions, and says so to the others, of which one takes it.
-- KEYS lease
-- ARGV worker, channel, word
-- REPLY kept|ended
if string.match(redis.call('GET', lease) or '', '^(.*)|%d+$') ~= worker then return { 'kept' } end
redis.call('DEL', lease)
redis.call('PUBLISH', channel, word)
return { 'ended' }
