-- Reads who is next in the draw: the first of the pre-queue, and the number the first of them gets. While the
-- room is being restored nobody is, or the first to come back would win. Changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- ARGV now_ms:clock, limit:num
-- USES room, room_now
-- REPLY unknown | (draw_next draw_last)
-- EACH (visitor_id)
if not read_room() then return { 'unknown' } end
local ready = config.opened_at_ms > 0 and restored()
local room = math.min(limit, progress.draw_last - progress.draw_next + 1)
if not ready or room <= 0 or progress.numbers_reserved <= progress.draw_last then
  return { progress.draw_next, progress.draw_last }
end
return { progress.draw_next, progress.draw_last, unpack(redis.call('ZRANGE', prequeue, 0, room - 1)) }
