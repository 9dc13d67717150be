-- Ends a worker's lease of the room's submissions, and notifies the other workers, one of which takes it: the
-- message "free" is published in place of the number of submissions.
-- KEYS lease
-- ARGV worker, channel
-- REPLY kept|ended
if string.match(redis.call('GET', lease) or '', '^(.*)|%d+$') ~= worker then return { 'kept' } end
redis.call('DEL', lease)
redis.call('PUBLISH', channel, 'free')
return { 'ended' }
