-- Allows queue numbers up to `numbers`, which Postgres has reserved. Never lowers the limit.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- ARGV epoch:num, draw_last:num, numbers:num
-- USES room
-- REPLY unknown|superseded|raised
-- superseded: the room was restored meanwhile, or has set numbers aside for a draw.
if not read_room() then return { 'unknown' } end
if config.epoch ~= epoch or progress.draw_last ~= draw_last then return { 'superseded' } end
progress.numbers_reserved = math.max(progress.numbers_reserved, numbers)
save_meter()
return { 'raised' }
