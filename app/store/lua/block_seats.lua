-- Marks seats as taken that are assigned in Postgres but were lost in Redis, until a restore repairs the
-- room. Counters stay as they are: one seat fewer to choose from cannot oversell.
-- KEYS conf, seats, sitters
-- RECORD seat_id, visitor_id
-- USES loaded, seats
-- REPLY unknown|restoring | blocked (count)
local room = redis.call('HMGET', conf, 'run_id', 'restoring')
if not is_loaded(room[1]) then return {'unknown'} end
if room[2] == '1' then return {'restoring'} end
local blocked = 0
for seat_id, visitor_id in records() do
  local _, _, seat_state = find_seat(seat_id)
  if seat_state == 'f' then
    set_seat(seat_id, 'h', visitor_id)
    blocked = blocked + 1
  end
end
write_seats()
return {'blocked', blocked}
