-- Reads the live numbers of a room; changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- ARGV now_ms:clock
-- USES room, room_now
-- REPLY unknown | head: now_ms version epoch state serving_position last_number waiting called active outflow
-- REPLY free opened_at_ms held pace blocked generation
if not read_room() then return { 'unknown' } end
return head({})
