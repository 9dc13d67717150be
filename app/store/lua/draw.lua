-- Moves visitors from the pre-queue into the queue with the numbers they drew, which are already in Postgres.
-- Visitors who have left meanwhile are skipped. A worker that another has overtaken (`expected`) moves
-- nobody.
-- KEYS conf, meter, prequeue, waiting, called, active, stock, log
-- ARGV now_ms:clock, expected:num, draw_next:num
-- RECORD visitor_id, number
-- USES lanes, room, room_log
-- REPLY unknown|overtaken|drawn
if not read_room() then return { 'unknown' } end
if progress.draw_next ~= expected then return { 'overtaken' } end
for visitor_id, number in records() do
  local draw = redis.call('ZSCORE', prequeue, visitor_id)
  if draw then
    redis.call('ZREM', prequeue, visitor_id)
    local lane = lane_of(visitor_id)
    redis.call('ZADD', waiting, score_of(visitor_id, number), visitor_id)
    note(string.format('drawn %s %s %.0f', number, visitor_id, draw) .. (lane > 0 and ' ' .. lane or ''))
  end
end
progress.draw_next = draw_next
save_meter()
write_log()
return { 'drawn' }
