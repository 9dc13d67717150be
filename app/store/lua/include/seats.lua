-- Seats by row. In `seats`, row:TYPE-ROW is NUMBER|FIRST|STATES, with a state for each seat number from FIRST
-- on (f free, h held, s sold, b blocked, - no such seat); label:TYPE:NUMBER is TYPE-ROW; runs:TYPE has a
-- character for each row: the longest run of free seats in it; size:TYPE is how many seats there are.
-- kinds:TYPE-ROW exists if some seats are special: a accessible, c companion, . neither; labels:TYPE-ROW if
-- seats are not labelled by their numbers, comma-separated.
-- write_seats writes everything once for the whole batch.
-- NEEDS for_all, longest_run, run_code, seats, sitters
-- GIVES runs_of, find_row, seat_at, find_seat, sitter_of, set_seat, set_seats, write_seats
local rows, runs, stale, sat = {}, {}, {}, {}
local function runs_of(ticket_type)
  for name, row in pairs(stale) do
    local its_type = string.match(name, '^(.*)%-')
    local text = runs[its_type] or redis.call('HGET', seats, 'runs:' .. its_type) or ''
    local code = run_code(longest_run(for_all(row.states, row.kinds)))
    runs[its_type] = string.sub(text, 1, row.number - 1) .. code .. string.sub(text, row.number + 1)
  end
  stale = {}
  return runs[ticket_type] or redis.call('HGET', seats, 'runs:' .. ticket_type) or ''
end
local function find_row(name)
  if rows[name] == nil then
    local found = redis.call('HMGET', seats, 'row:' .. name, 'kinds:' .. name, 'labels:' .. name)
    local number, first, states = string.match(found[1] or '', '^(%d+)|(%d+)|(.*)$')
    rows[name] = number and
      {number = tonumber(number), first = tonumber(first), states = states, kinds = found[2] or ''} or false
    if number and found[3] then
      local labels, places = {}, {}
      for label in string.gmatch(found[3] .. ',', '([^,]*),') do
        labels[#labels + 1] = label
        places[label] = #labels
      end
      rows[name].labels, rows[name].places = labels, places
    end
  end
  return rows[name]
end
-- The id of the seat at an index of a row.
local function seat_at(name, row, at)
  return name .. '-' .. (row.labels and row.labels[at] or row.first + at - 1)
end
-- The row of a seat, its index in the row, its state and the name of the row; nothing if it does not exist.
local function find_seat(seat_id)
  local name, label = string.match(seat_id, '^(.+)%-(%w+)$')
  local row, at = name and find_row(name), 0
  if row and row.places then
    at = row.places[label] or 0
  elseif row and string.find(label, '^[1-9]%d*$') then
    at = tonumber(label) - row.first + 1
  end
  local seat_state = at >= 1 and string.sub(row.states, at, at) or ''
  if seat_state ~= '' and seat_state ~= '-' then return row, at, seat_state, name end
end
local function sitter_of(seat_id)
  if sat[seat_id] ~= nil then return sat[seat_id] end
  return redis.call('HGET', sitters, seat_id)
end
local function set_seat(seat_id, new_state, visitor_id)
  local row, at, _, name = find_seat(seat_id)
  if not row then return end
  row.states = string.sub(row.states, 1, at - 1) .. new_state .. string.sub(row.states, at + 1)
  stale[name], row.changed, sat[seat_id] = row, true, new_state ~= 'f' and visitor_id or false
end
-- Sets the state of all seats in a hold's items.
local function set_seats(items, new_state, visitor_id)
  for ids in string.gmatch(items, '@([^,!]+)') do
    for seat_id in string.gmatch(ids, '[^+]+') do set_seat(seat_id, new_state, visitor_id) end
  end
end
-- Writes the batch's changes to seats.
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
