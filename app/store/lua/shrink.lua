-- Releases the cancelled tickets of reservations that keep the rest: their stock, seats and allowance. Each
-- only once, and never the other way: only where `holds` has more tickets than `items`.
-- KEYS conf, stock, holds, allowance, seats, sitters
-- ARGV channel
-- RECORD reservation_id, items
-- USES loaded, seats, stock
-- REPLY unknown|restoring | shrunk (count)
local room = redis.call('HMGET', conf, 'run_id', 'restoring')
if not is_loaded(room[1]) then return {'unknown'} end
if room[2] == '1' then return {'restoring'} end
local function count(items)
  local tickets = 0
  for quantity in string.gmatch(items, '[^:,]+:(%d+):%d+') do tickets = tickets + quantity end
  return tickets
end
local shrunk = {}
for reservation_id, items in records() do
  local entry = redis.call('HGET', holds, reservation_id)
  local head, had = string.match(entry or '', '^(.*|)([^|]*)$')
  local gone = head and count(had) - count(items) or 0
  if gone > 0 then
    local state, visitor_id = string.match(head, '^([^|]*)|([^|]*)|')
    local coded = string.match(had, '!.*$') or '' -- the code of the order stays in use
    redis.call('HSET', holds, reservation_id, head .. items .. coded)
    move(had, state, 'free')
    move(items, 'free', state)
    set_seats(had, 'f')
    set_seats(items, string.sub(state, 1, 1), visitor_id)
    tally(visitor_id, -gone)
    if state == 'sold' then tally(visitor_id .. ':sold', -gone) end
    shrunk[#shrunk + 1] = reservation_id
  end
end
write_moves()
write_seats()
if #shrunk > 0 then redis.call('PUBLISH', channel, table.concat(shrunk, '\n')) end
return {'shrunk', #shrunk}
