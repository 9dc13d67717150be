-- Begins to restore a room from Postgres, on top of whatever this server still has of it. From now on
-- visitors can join and ask for their place; nobody is admitted, claims or reserves until
-- `finish_restore.lua`. What the server still has is kept but may lack the last second: so numbers start
-- above every old one, and the bucket starts empty.
-- KEYS conf, meter
-- ARGV now_ms:clock, epoch:num, last_number:num, numbers_reserved:num, serving_position:num, settled:num
-- ARGV draw_first:num, draw_next:num, draw_last:num, counted
-- RECORD field, value
-- REPLY superseded|restoring
local was = redis.call('HMGET', conf, 'epoch', 'opened_at_ms', 'state', 'closed_at_ms')
if tonumber(was[1] or 0) >= epoch then return { 'superseded' } end
local serving = math.max(serving_position, tonumber(redis.call('HGET', meter, 'serving_position') or 0))
redis.call('DEL', conf)
for field, value in records() do redis.call('HSET', conf, field, value) end
if tonumber(was[2] or 0) > 0 and redis.call('HGET', conf, 'opened_at_ms') == '0' then
  redis.call('HSET', conf, 'opened_at_ms', was[2], 'state', was[3], 'closed_at_ms', was[4])
end
redis.call('HSET', conf, 'epoch', epoch, 'run_id', string.match(redis.call('INFO', 'server'), 'run_id:(%w+)'),
  'restoring', 1, 'restore_until_ms', 0, 'restored_at_ms', now_ms, 'restored_serving', serving,
  'restored_settled', settled)
-- Calls still stored here could not be claimed since the server was last known to answer (`freezing.lua`).
local sure_ms = redis.call('HGET', meter, 'sure_ms')
if sure_ms then redis.call('HSETNX', meter, 'frozen_ms', sure_ms) end
local next_counted = string.gmatch(counted, '%d+')
local COUNTERS = { 'joined', 'admitted', 'no_shows', 'claimed', 'expired', 'left', 'done', 'outflow' }
for _, counter in ipairs(COUNTERS) do
  redis.call('HSETNX', meter, counter, counter ~= 'outflow' and next_counted() or 0)
end
redis.call('HSET', meter, 'level', 0, 'tick_ms', now_ms, 'serving_position', serving,
  'last_number', last_number, 'numbers_reserved', numbers_reserved,
  'draw_first', draw_first, 'draw_next', draw_next, 'draw_last', draw_last)
return { 'restoring' }
