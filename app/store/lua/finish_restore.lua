-- Ends the restore of a room: visitors can claim and reserve again, claim windows run again, and admission
-- resumes after `window_ms`, in which visitors come back.
-- KEYS conf, meter, prequeue, waiting, called, active, stock, renewed
-- ARGV now_ms:clock, epoch:num, window_ms:num
-- USES freezing, room
-- REPLY superseded|restored
if not read_room() or config.epoch ~= epoch or config.restoring ~= 1 then return { 'superseded' } end
redis.call('HSET', conf, 'restoring', 0, 'restore_until_ms', now_ms + window_ms)
thaw(true)
return { 'restored' }
