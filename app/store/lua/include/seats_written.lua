-- Sets all seats of a hold's items, and writes what the batch did to seats.
local function set_seats(items, new_state, visitor_id)
  for ids in string.gmatch(items, '@([^,]+)') do
    for seat_id in string.gmatch(ids, '[^+]+') do set_seat(seat_id, new_state, visitor_id) end
  end
end
local function write_seats()
  if next(sat) == nil then return end
  runs_of('')
  for name, row in pairs(rows) do
    if row and row.changed then
      redis.call('HSET', seats, 'row:' .. name, row.number .. '|' .. row.first .. '|' .. row.states)
    end
  end
  for ticket_type, text in pairs(runs) do redis.call('HSET', seats, 'runs:' .. ticket_type, text) end
  for seat_id, visitor_id in pairs(sat) do
    if visitor_id then
      redis.call('HSET', sitters, seat_id, visitor_id)
    else
      redis.call('HDEL', sitters, seat_id)
    end
  end
end
