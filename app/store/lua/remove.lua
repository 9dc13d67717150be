-- Staff remove a visitor from the room for good; what they hold remains theirs to pay for or cancel.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, wanted
-- KEYS early_ends, networks, renewed, visitor_events
-- ARGV now_ms:clock, visitor_id, ended_channel
-- USES room, taking_out
-- REPLY unknown|removed
if not read_room() then return { 'unknown' } end
take_out(visitor_id)
redis.call('SADD', removed, visitor_id)
save_meter()
return { 'removed' }
