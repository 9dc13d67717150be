-- What a request that names seats comes to for a visitor. A seat they have already stays in its reservation
-- and is not taken again.
-- NEEDS find_seat, price, sitter_of
-- GIVES with_seats, name_seats
local function with_seats(lines)
  local it, priced = {counts = {}, amount = 0, count = 0, seats = true}, {}
  for _, line in ipairs(lines) do
    local ticket_type, ids = line[1], line[2]
    it.counts[ticket_type], it.count = #ids, it.count + #ids
    it.amount = it.amount + #ids * price[ticket_type]
    local seats_of_type = table.concat(ids, '+')
    priced[#priced + 1] = ticket_type .. ':' .. #ids .. ':' .. price[ticket_type] .. '@' .. seats_of_type
  end
  it.priced = table.concat(priced, ',')
  return it
end
-- The request, or why it is refused: not_on_sale, unknown_seat, seat_taken, and which seats. Asking only for
-- seats one already has is seat_taken.
local function name_seats(it, visitor_id)
  if it.off then return it, 'not_on_sale', it.off end
  if not it.named then return it end
  local lines, own, lost, strange = {}, {}, {}, {}
  for _, line in ipairs(it.named) do
    local ids = {}
    for seat_id in string.gmatch(line[2], '[^+]+') do
      local row, _, seat_state = find_seat(seat_id)
      local list = not row and strange or seat_state == 'f' and ids
        or sitter_of(seat_id) == visitor_id and own or lost
      list[#list + 1] = seat_id
    end
    if #ids > 0 then lines[#lines + 1] = {line[1], ids} end
  end
  if #strange > 0 then return it, 'unknown_seat', table.concat(strange, '+') end
  if #lost > 0 then return it, 'seat_taken', table.concat(lost, '+') end
  if #lines == 0 then return it, 'seat_taken', table.concat(own, '+') end
  return with_seats(lines)
end
