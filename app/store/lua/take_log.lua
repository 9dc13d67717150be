-- Removes from the stream what a worker has written to the room's public log, below the entry `after`. `upto`
-- is how much had been noted up to there. Nothing waits for what exceeded the cap.
-- KEYS meter, log
-- ARGV after, upto:num
-- REPLY taken|absent
redis.call('XTRIM', log, 'MINID', after)
if redis.call('EXISTS', meter) == 0 then return { 'absent' } end
local counted = redis.call('HMGET', meter, 'log_noted', 'log_taken')
local all = redis.call('XLEN', log) == 0 and tonumber(counted[1] or 0) or upto
if all > tonumber(counted[2] or 0) then redis.call('HSET', meter, 'log_taken', all) end
return { 'taken' }
