-- Turns paid holds into sold tickets, and ends the sessions of buyers who are done. Each hold only once: only
-- what is held in `holds`.
-- KEYS conf, meter, stock, holds, allowance, buyers, active, turns, ended, endings, seats, sitters
-- KEYS early_ends, renewed
-- ARGV now_ms:clock, channel, ended_channel
-- RECORD reservation_id
-- USES early_ends, loaded, seats, session_end, stock
-- REPLY unknown|restoring | confirmed (count)
local room = redis.call('HMGET', conf, 'run_id', 'restoring', 'ends_on_confirm', 'max_tickets')
if not is_loaded(room[1]) then return {'unknown'} end
if room[2] == '1' then return {'restoring'} end
local function finish_session(visitor_id)
  if not note_early_end(visitor_id) then return end
  close_session(visitor_id, 'done')
  redis.call('HINCRBY', meter, 'done', 1)
end
local confirmed = {}
for reservation_id in records() do
  local entry = redis.call('HGET', holds, reservation_id)
  local visitor_id, rest = string.match(entry or '', '^held|([^|]*)(|.*)$')
  if visitor_id then
    redis.call('HSET', holds, reservation_id, 'sold|' .. visitor_id .. rest)
    set_seats(rest, 's', visitor_id)
    local bought = tally(visitor_id .. ':sold', move(string.match(rest, '[^|]*$'), 'held', 'sold'))
    if room[3] == '1' or bought >= tonumber(room[4]) then finish_session(visitor_id) end
    confirmed[#confirmed + 1] = reservation_id
  end
end
write_moves()
write_seats()
tell_early_ends()
if #confirmed > 0 then redis.call('PUBLISH', channel, table.concat(confirmed, '\n')) end
return {'confirmed', #confirmed}
