-- Reads the live numbers of a room; changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- ARGV now_ms:clock
-- USES room, room_now
-- REPLY unknown | (head)
if not read_room() then return { 'unknown' } end
return head({})
