-- What Postgres has to know before more numbers are given out. Changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- USES room
-- REPLY unknown | epoch version state opened_at_ms last_number numbers_reserved draw_first draw_last
-- REPLY generation
if not read_room() then return { 'unknown' } end
return {
  c.epoch, c.version, c.state, c.opened_at_ms, m.last_number, m.numbers_reserved, m.draw_first, m.draw_last,
  c.generation or '',
}
