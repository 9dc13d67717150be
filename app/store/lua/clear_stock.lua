-- Empties the reservation half of a room that is being restored, so that it can be loaded again from
-- Postgres.
-- KEYS conf, stock, holds, allowance, buyers, seats, sitters
-- ARGV epoch
-- REPLY superseded|cleared
-- Cleared: only by the restore that began last, and only while it lasts.
local room = redis.call('HMGET', conf, 'epoch', 'restoring')
if room[1] ~= epoch or room[2] ~= '1' then return {'superseded'} end
redis.call('UNLINK', stock, holds, allowance, buyers, seats, sitters)
return {'cleared'}
