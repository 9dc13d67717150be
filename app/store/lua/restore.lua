-- Begins to restore a room from Postgres, on top of whatever this server still has of it. From now on
-- visitors can join and ask for their place; nobody is admitted, claims or reserves until
-- `finish_restore.lua`. What the server still has is kept but may lack the last second: so numbers start
-- above every old one, and the bucket starts empty.
-- KEYS conf, meter, log
-- ARGV now_ms:clock, epoch:num, last_number:num, numbers_reserved:num, serving_position:num, settled:num
-- ARGV draw_first:num, draw_next:num, draw_last:num, counted, lane_serving
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
local lanes = redis.call('HGET', conf, 'lanes')
if lanes then -- each lane has its serving position
  local function figures(text)
    local found = {}
    for figure in string.gmatch(text, '%d+') do found[#found + 1] = tonumber(figure) end
    return found
  end
  local there, stored = figures(redis.call('HGET', meter, 'lane_serving') or ''), figures(lane_serving)
  for lane = 1, #figures(lanes) do
    there[lane] = string.format('%.0f', lane == 1 and 0 or math.max(there[lane] or 0, stored[lane - 1] or 0))
  end
  redis.call('HSET', meter, 'lane_serving', table.concat(there, ' '))
  redis.call('HSET', conf, 'restored_lanes', table.concat(there, ' '))
end
-- Calls still stored here could not be claimed since the server last answered (`freezing.lua`).
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
-- What parts gave out before is either here or comes back by its visitors' tokens.
local parts = redis.call('HGET', conf, 'parts')
if parts then
  local nobody = last_number == 0 or redis.call('HGET', conf, 'state') == 'scheduled' -- has ever joined
  redis.call('HSET', meter, 'gathered_to', last_number, 'parts_first', nobody and epoch or 0)
end
-- For the public log: it continues here, with these settings, above this number.
local text = { string.format('restored %.0f %.0f %.0f', epoch, last_number, serving) }
for _, field in ipairs({ 'state', 'rate', 'burst', 'active_max', 'claim_window_ms' }) do
  local name = field == 'state' and 'state ' or 'set ' .. field .. ' '
  text[#text + 1] = name .. (redis.call('HGET', conf, field) or 0)
end
if lanes then text[#text + 1] = 'lanes ' .. lanes end
local suspects = redis.call('HGET', conf, 'suspects')
if tonumber(suspects or 0) > 0 then text[#text + 1] = 'set suspects ' .. suspects end
if parts then text[#text + 1] = 'set parts ' .. parts end
local noted = redis.call('HINCRBY', meter, 'log_noted', #text)
redis.call('XADD', log, '*', 'n', noted - #text, 't', now_ms, 'e', table.concat(text, '\n'))
return { 'restoring' }
