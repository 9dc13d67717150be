-- Gives visitors of the pre-queue another draw, before any is drawn; visitors who left are not added back.
-- `mixed`: the root, once everybody has been redrawn with it. Repeating it changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- ARGV now_ms:clock, mixed
-- RECORD visitor_id, draw
-- USES room
-- REPLY unknown|mixed
if not read_room() then return { 'unknown' } end
for visitor_id, draw in records() do redis.call('ZADD', prequeue, 'XX', draw, visitor_id) end
if mixed ~= '' then redis.call('HSET', meter, 'mixed', mixed) end
return { 'mixed' }
