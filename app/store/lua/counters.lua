-- Reads the counters since the room was created, or since Redis was lost; changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- USES room
-- REPLY unknown | (joined admitted no_shows claimed expired left done)
if not read_room() then return { 'unknown' } end
return {
  progress.joined, progress.admitted, progress.no_shows, progress.claimed,
  progress.expired, progress.left, progress.done,
}
