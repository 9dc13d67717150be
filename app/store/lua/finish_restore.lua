-- Ends the loading of a room: claim and reserve work again, admission after `window_ms` for visitors to come
-- back.
-- KEYS conf
-- ARGV now_ms:clock, epoch, window_ms:num
-- REPLY superseded | restored
local room = redis.call('HMGET', conf, 'epoch', 'restoring')
if room[1] ~= epoch or room[2] ~= '1' then return { 'superseded' } end
redis.call('HSET', conf, 'restoring', 0, 'restore_until_ms', now_ms + window_ms)
return { 'restored' }
