-- Releases the stock, seats, code, allowance and buyer's mark of reservations that ended, held or sold. Each
-- only once: only what is still in `holds`; sold ones only with `also_sold`. The end is committed in
-- Postgres first.
-- KEYS conf, stock, holds, allowance, buyers, seats, sitters, codes
-- ARGV channel, also_sold:num
-- RECORD reservation_id
-- USES code_uses, loaded, seats, stock
-- REPLY unknown|restoring | released (count)
local room = redis.call('HMGET', conf, 'run_id', 'restoring')
if not is_loaded(room[1]) then return {'unknown'} end
if room[2] == '1' then return {'restoring'} end
local released = {}
for reservation_id in records() do
  local entry = redis.call('HGET', holds, reservation_id)
  local state, visitor_id, items = string.match(entry or '', '^([^|]*)|([^|]*)|.*|([^|]*)$')
  if state and (also_sold == 1 or state ~= 'sold') then
    redis.call('HDEL', holds, reservation_id)
    local count = move(items, state, 'free')
    set_seats(items, 'f')
    count_code(items, -1)
    if state == 'sold' then tally(visitor_id .. ':sold', -count) end
    if tally(visitor_id, -count) <= 0 then redis.call('SREM', buyers, visitor_id) end
    released[#released + 1] = reservation_id
  end
end
write_moves()
write_seats()
if #released > 0 then redis.call('PUBLISH', channel, table.concat(released, '\n')) end
return {'released', #released}
