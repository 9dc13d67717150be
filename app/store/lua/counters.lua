-- Reads what was counted since the room was made (or Redis was lost). Changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- USES room
-- REPLY unknown | (joined admitted no_shows claimed expired left done)
if not read_room() then return { 'unknown' } end
return {
  progress.joined, progress.admitted, progress.no_shows, progress.claimed,
  progress.expired, progress.left, progress.done,
}
