-- The best seats of a type: side by side in the first row with enough adjacent seats; else the longest run
-- anywhere, and the rest from the rows nearest to it. The work is bounded by the rows of the type, not by its
-- seats. Up to `wanted` seats of a row: from the shortest run that has them all, else run by run, longest
-- first.
-- NEEDS find_row, for_all, run_code, runs_of, seat_at, seats, set_seat
-- GIVES take_best
local function take_in_row(name, wanted, visitor_id, ids)
  local row = find_row(name)
  while row and wanted > 0 do
    local at, length = nil, 0
    for from, run in string.gmatch(for_all(row.states, row.kinds), '()(f+)') do
      local better = length < wanted and #run > length or #run >= wanted and #run < length
      if better then at, length = from, #run end
    end
    if not at then return end
    for i = at, at + math.min(length, wanted) - 1 do
      ids[#ids + 1] = seat_at(name, row, i)
      set_seat(ids[#ids], 'h', visitor_id)
    end
    wanted = wanted - length
  end
end
local function first_row(text, wanted)
  for length = math.min(wanted, 100), 1, -1 do
    local number = string.find(text, '[' .. run_code(length) .. '-\127]')
    if number then return number end
  end
end
-- Takes and returns the seats; or returns nothing and changes nothing.
local function take_best(ticket_type, wanted, visitor_id)
  local text, ids = runs_of(ticket_type), {}
  local first, none = first_row(text, wanted), string.byte(run_code(0))
  local function take_from(number)
    if #ids == wanted or number < 1 or number > #text or string.byte(text, number) == none then return end
    local name = redis.call('HGET', seats, 'label:' .. ticket_type .. ':' .. number)
    take_in_row(name, wanted - #ids, visitor_id, ids)
  end
  if first then take_from(first) end
  for away = 1, first and #text or 0 do
    if #ids == wanted then break end
    take_from(first - away)
    take_from(first + away)
  end
  if #ids == wanted then return ids end
  for _, seat_id in ipairs(ids) do set_seat(seat_id, 'f') end
end
