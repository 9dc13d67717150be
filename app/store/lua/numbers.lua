-- Reads what Postgres must store before more queue numbers are issued; changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- USES room
-- REPLY unknown | (epoch version state opened_at_ms last_number numbers_reserved draw_first draw_last)
-- REPLY (generation)
if not read_room() then return { 'unknown' } end
return {
  config.epoch, config.version, config.state, config.opened_at_ms,
  progress.last_number, progress.numbers_reserved, progress.draw_first, progress.draw_last,
  config.generation or '',
}
