-- A visitor leaves the queue, or ends their session. Repeating it changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, buyers, stock, wanted
-- KEYS early_ends, networks, renewed, visitor_events, log
-- ARGV now_ms:clock, visitor_id, known_number:num, known_epoch:num, ended_channel
-- USES endings, room, room_log, taking_out, transit, turns
-- REPLY unknown | left|done|expired|no_show|absent
if not read_room() then return { 'unknown' } end
local word, number = take_out(visitor_id)
if not word then word, number = in_transit(visitor_id, known_number, known_epoch) end
if word == 'waiting' or word == 'prequeue' then finish(visitor_id, 'left', number) end
if progress.changed then save_meter() end
write_log()
return { (ending_of(visitor_id)) or 'absent' }
