-- Ends the loading of a room: claim and reserve work again, claim windows run on, admission goes on after
-- `window_ms` for visitors to come back.
-- KEYS conf, meter, prequeue, waiting, called, active, stock, renewed
-- ARGV now_ms:clock, epoch:num, window_ms:num
-- USES freezing, room
-- REPLY superseded|restored
if not read_room() or config.epoch ~= epoch or config.restoring ~= 1 then return { 'superseded' } end
redis.call('HSET', conf, 'restoring', 0, 'restore_until_ms', now_ms + window_ms)
thaw(true)
return { 'restored' }
