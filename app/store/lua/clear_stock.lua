-- Clears the stock and holds of a room that is being restored, so that they can be loaded from Postgres.
-- KEYS conf, stock, holds, allowance, buyers, seats, sitters, codes
-- ARGV epoch
-- REPLY superseded|cleared
-- cleared: only for the most recent restore, and only while it runs.
local room = redis.call('HMGET', conf, 'epoch', 'restoring')
if room[1] ~= epoch or room[2] ~= '1' then return {'superseded'} end
redis.call('UNLINK', stock, holds, allowance, buyers, seats, sitters, codes)
return {'cleared'}
