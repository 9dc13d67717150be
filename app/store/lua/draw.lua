-- Moves visitors from the pre-queue into the queue with the numbers they drew, which are already in Postgres.
-- Visitors who have left meanwhile are skipped. A worker that another has overtaken (`expected`) moves
-- nobody.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- ARGV now_ms:clock, expected:num, draw_next:num
-- RECORD visitor_id, number
-- USES room
-- REPLY unknown|overtaken|drawn
if not read_room() then return { 'unknown' } end
if progress.draw_next ~= expected then return { 'overtaken' } end
for visitor_id, number in records() do
  if redis.call('ZREM', prequeue, visitor_id) == 1 then redis.call('ZADD', waiting, number, visitor_id) end
end
progress.draw_next = draw_next
save_meter()
return { 'drawn' }
