-- Reads what was counted since the room was made (or Redis was lost). Changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- USES room
-- REPLY unknown | joined admitted no_shows claimed expired left done
if not read_room() then return { 'unknown' } end
return { m.joined, m.admitted, m.no_shows, m.claimed, m.expired, m.left, m.done }
