-- Moves visitors from the parts of a room into its queue, in the order of their numbers: all above
-- `expected`, up to `to`. Visitors who left meanwhile, were removed or are here already are skipped. A
-- worker that another has overtaken moves nobody.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, stock, visitor_events
-- KEYS log
-- ARGV now_ms:clock, epoch:num, expected:num, to:num
-- RECORD visitor_id, number
-- USES endings, room, room_log, visitor_events
-- REPLY unknown|overtaken|gathered
if not read_room() then return { 'unknown' } end
if config.epoch ~= epoch or (progress.gathered_to or 0) ~= expected then return { 'overtaken' } end
local line = config.opened_at_ms == 0 and prequeue or waiting
local visitors, numbers, flat = {}, {}, {}
for visitor_id, number in records() do
  visitors[#visitors + 1], numbers[#numbers + 1] = visitor_id, number
end
if #visitors > 0 then
  local gone = redis.call('SMISMEMBER', removed, unpack(visitors))
  local turn = redis.call('HMGET', turns, unpack(visitors))
  local here, ended_to = redis.call('ZMSCORE', line, unpack(visitors)), ended_numbers(visitors)
  for i, visitor_id in ipairs(visitors) do
    if gone[i] == 0 and not turn[i] and not here[i] and ended_to[i] < tonumber(numbers[i]) then
      flat[#flat + 1], flat[#flat + 2] = numbers[i], visitor_id
      tell_of_visitor('joined', visitor_id, numbers[i])
    end
  end
end
if #flat > 0 then redis.call('ZADD', line, unpack(flat)) end
local skipped = to - expected - #flat / 2
if skipped > 0 then note(string.format('skipped %.0f %.0f', skipped, to)) end
progress.joined, progress.gathered_to = progress.joined + #flat / 2, to
redis.call('HSET', meter, 'gathered_to', to)
save_meter()
write_log()
return { 'gathered' }
