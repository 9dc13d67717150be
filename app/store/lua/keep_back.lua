-- Takes free seats off sale (`to` is b, blocked), or puts blocked ones back on sale (f). Held and sold seats
-- are left alone: only this script decides that. The stock follows in the same step.
-- KEYS conf, stock, seats, sitters
-- ARGV to
-- RECORD seat_id
-- USES loaded, seats
-- REPLY unknown|restoring | kept (seat_ids)
-- kept: those of the seats now in that state, separated by +.
local room = redis.call('HMGET', conf, 'run_id', 'restoring')
if not is_loaded(room[1]) then return {'unknown'} end
if room[2] == '1' then return {'restoring'} end
local was, done, counts, all = to == 'b' and 'f' or 'b', {}, {}, 0
for seat_id in records() do
  local _, _, seat_state, name = find_seat(seat_id)
  if seat_state == was then
    set_seat(seat_id, to)
    local ticket_type, by = string.match(name, '^(.*)%-'), to == 'f' and 1 or -1
    counts[ticket_type], all = (counts[ticket_type] or 0) + by, all + by
  end
  if seat_state == was or seat_state == to then done[#done + 1] = seat_id end
end
write_seats()
for ticket_type, count in pairs(counts) do
  redis.call('HINCRBY', stock, 'free:' .. ticket_type, count)
  redis.call('HINCRBY', stock, 'total:' .. ticket_type, count)
end
if all ~= 0 then
  redis.call('HINCRBY', stock, 'free', all)
  redis.call('HINCRBY', stock, 'total', all)
end
return {'kept', table.concat(done, '+')}
