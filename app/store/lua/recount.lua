-- Recomputes the counters of a room from its holds, atomically: held and sold of each ticket type, the tally
-- of each visitor, the uses of each code, and who has the seats in question. Reservations that are in
-- Postgres but were lost in Redis are added first.
-- KEYS conf, stock, holds, allowance, buyers, active, seats, sitters, codes
-- ARGV holds_max:num
-- RECORD name, entry
-- A record with an entry is a live reservation; one without is a seat that differs between the stores.
-- USES code_uses, loaded, seats, sums
-- REPLY unknown|restoring | recounted (holds) | too_many (holds)
-- too_many: nothing was done, because it would block Redis for too long.
local room = redis.call('HMGET', conf, 'run_id', 'restoring')
if not is_loaded(room[1]) then return {'unknown'} end
if room[2] == '1' then return {'restoring'} end
local count = redis.call('HLEN', holds)
if count > holds_max then return {'too_many', count} end
local READ, asked, due, sums, tallies, uses = '^([^|]*)|([^|]*)|.*|([^|]*)$', {}, {}, {}, {}, {}
for name, entry in records() do
  if entry == '' then
    asked[name] = true
  elseif redis.call('HSETNX', holds, name, entry) == 1 then
    local _, visitor_id, items = string.match(entry, READ)
    for _, seat_id in ipairs(seat_ids_of(items)) do asked[seat_id] = true end
    if redis.call('ZSCORE', active, visitor_id) then redis.call('SADD', buyers, visitor_id) end
  end
end
for _, entry in ipairs(redis.call('HVALS', holds)) do
  local hold_state, visitor_id, items = string.match(entry, READ)
  for ticket_type, quantity in string.gmatch(items, '([^:,]+):(%d+):?%d*') do
    add(sums, hold_state .. ':' .. ticket_type, quantity)
    add(tallies, visitor_id, quantity)
    if hold_state == 'sold' then add(tallies, visitor_id .. ':sold', quantity) end
  end
  if code_in(items) then add(uses, 'used:' .. code_in(items), 1) end
  for _, seat_id in ipairs(string.find(items, '@', 1, true) and seat_ids_of(items) or {}) do
    due[seat_id] = {string.sub(hold_state, 1, 1), visitor_id}
  end
end
local flat, all = redis.call('HGETALL', stock), {free = 0, held = 0, sold = 0, total = 0}
for i = 1, #flat, 2 do
  local ticket_type = string.match(flat[i], '^total:(.*)$')
  if ticket_type then
    local held, sold = sums['held:' .. ticket_type] or 0, sums['sold:' .. ticket_type] or 0
    local now = {total = tonumber(flat[i + 1]), held = held, sold = sold}
    now.free = now.total - now.held - now.sold
    for word, number in pairs(now) do
      all[word .. ':' .. ticket_type] = number
      add(all, word, number)
    end
  end
end
write_fields(stock, all)
redis.call('DEL', allowance)
write_fields(allowance, tallies)
for _, field in ipairs(redis.call('HKEYS', codes)) do
  if string.sub(field, 1, 5) == 'used:' and not uses[field] then redis.call('HDEL', codes, field) end
end
write_fields(codes, uses)
for seat_id in pairs(asked) do
  local seat_state, visitor_id = unpack(due[seat_id] or {'f'})
  set_seat(seat_id, seat_state, visitor_id)
end
write_seats()
return {'recounted', redis.call('HLEN', holds)}
