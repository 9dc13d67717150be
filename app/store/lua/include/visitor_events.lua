-- Events of visitors: for the room's public log, and for other systems if the room's setting is on; a worker
-- passes both on. Beyond a cap they are only counted. A number of nil is that of the visitor's turn.
-- NEEDS config, lane_of, meter, note, turns, visitor_events, VISITOR_EVENTS_MAX
-- GIVES tell_of_visitor
local events_left
local function tell_of_visitor(word, visitor_id, number)
  number = number or redis.call('HGET', turns, visitor_id) or 0
  local lane = config.lanes and (word == 'joined' or word == 'called') and lane_of(visitor_id) or 0
  note(word .. ' ' .. number .. ' ' .. visitor_id .. (lane > 0 and ' ' .. lane or ''))
  if config.visitor_events ~= 1 then return end
  events_left = events_left or VISITOR_EVENTS_MAX - redis.call('XLEN', visitor_events)
  if events_left <= 0 then
    redis.call('HINCRBY', meter, 'visitor_events_dropped', 1)
    return
  end
  events_left = events_left - 1
  redis.call('XADD', visitor_events, '*', 'e', word .. ' ' .. visitor_id .. ' ' .. number)
end
