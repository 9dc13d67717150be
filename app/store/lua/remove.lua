-- Staff remove a visitor from the room for good; what they hold remains theirs to pay for or cancel.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, wanted
-- KEYS early_ends, networks, renewed, visitor_events, log
-- ARGV now_ms:clock, visitor_id, ended_channel
-- USES room, room_log, taking_out
-- REPLY unknown|removed
if not read_room() then return { 'unknown' } end
local _, number = take_out(visitor_id)
note(string.format('removed %.0f %s staff', number or 0, visitor_id))
redis.call('SADD', removed, visitor_id)
save_meter()
write_log()
return { 'removed' }
