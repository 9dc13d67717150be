-- The total of a request that names seats, possibly along with counted tickets. A seat the visitor already
-- has stays in its reservation and is not taken again.
-- NEEDS add_up, find_seat, seat_at, sitter_of
-- GIVES with_seats, name_seats
local function with_seats(lines, asked)
  local all = {}
  for n, line in ipairs(asked.plain) do all[n] = line end
  for _, line in ipairs(lines) do all[#all + 1] = {line[1], #line[2], table.concat(line[2], '+')} end
  return add_up({code = asked.code, guest = asked.guest, seats = true}, all)
end
-- Whether the accessible seat that a companion seat belongs to, the next one to either side, is also
-- requested, or already the visitor's.
local function accompanies(name, row, at, ids, visitor_id)
  for step = -1, 1, 2 do
    local i = at + step
    while string.sub(row.kinds, i, i) == 'c' do i = i + step end
    local seat_id = i >= 1 and string.sub(row.kinds, i, i) == 'a' and seat_at(name, row, i)
    if seat_id and (ids[seat_id] or sitter_of(seat_id) == visitor_id) then return true end
  end
end
-- The request, or why it is refused: not_on_sale, code_refused with the reason, unknown_seat, seat_taken,
-- companion_alone, and which seats. Asking only for seats one already has is seat_taken.
local function name_seats(it, visitor_id)
  if it.off then return it, 'not_on_sale', it.off end
  if it.shut then return it, 'code_refused', it.code and it.code.wrong or 'other' end
  if it.refused then return it, 'code_refused', it.refused end
  if it.code and it.code.used >= it.code.uses then return it, 'code_refused', 'used_up' end
  if not it.named then return it end
  local lines, own, lost, strange, alone, companions, named = {}, {}, {}, {}, {}, {}, {}
  for _, line in ipairs(it.named) do
    local ids = {}
    for seat_id in string.gmatch(line[2], '[^+]+') do
      local row, at, seat_state, name = find_seat(seat_id)
      named[seat_id] = true
      if row and seat_state == 'f' and string.sub(row.kinds, at, at) == 'c' then
        companions[#companions + 1] = {seat_id, name, row, at}
      end
      local list = not row and strange or seat_state == 'f' and ids
        or sitter_of(seat_id) == visitor_id and own or lost
      list[#list + 1] = seat_id
    end
    if #ids > 0 then lines[#lines + 1] = {line[1], ids} end
  end
  if #strange > 0 then return it, 'unknown_seat', table.concat(strange, '+') end
  if #lost > 0 then return it, 'seat_taken', table.concat(lost, '+') end
  for _, it in ipairs(companions) do
    if not accompanies(it[2], it[3], it[4], named, visitor_id) then alone[#alone + 1] = it[1] end
  end
  if #alone > 0 then return it, 'companion_alone', table.concat(alone, '+') end
  if #lines == 0 then return it, 'seat_taken', table.concat(own, '+') end
  return with_seats(lines, it)
end
