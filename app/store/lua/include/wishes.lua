-- The amount of requested items at current prices, computed once for all requests for the same. A line is
-- TYPE:QUANTITY; for a seated type TYPE:QUANTITY@SEAT+SEAT, or TYPE:QUANTITY@* for the best available.
-- NEEDS now_ms, off_sale, stock
-- GIVES price, wish, enough, take, write_taken
local free, price, unknown, seated, taken, wishes, off = {}, {}, {}, {}, {}, {}, nil
local function wish(items)
  if wishes[items] then return wishes[items] end
  local it, lines = {counts = {}, amount = 0, count = 0}, {}
  for ticket_type, quantity, which in string.gmatch(items, '([^:,]+):(%d+)@?([^,]*)') do
    if not free[ticket_type] then
      local found = redis.call('HMGET', stock,
        'free:' .. ticket_type, 'price:' .. ticket_type, 'seated:' .. ticket_type, 'windows')
      unknown[ticket_type], seated[ticket_type] = not found[1], found[3] and true or false
      free[ticket_type], price[ticket_type], taken[ticket_type] = tonumber(found[1] or 0), found[2] or 0, 0
      off = off or off_sale(found[4], now_ms)
    end
    if unknown[ticket_type] then
      it.wrong, it.about = 'unknown_type', ticket_type
    elseif seated[ticket_type] ~= (which ~= '') then
      it.wrong, it.about = seated[ticket_type] and 'seated_type' or 'no_seats', ticket_type
    end
    it.off = it.off or off[ticket_type]
    if which == '*' then
      it.best = ticket_type
    elseif which ~= '' then
      it.named = it.named or {}
      it.named[#it.named + 1] = {ticket_type, which}
    end
    it.counts[ticket_type] = tonumber(quantity)
    it.amount, it.count = it.amount + quantity * price[ticket_type], it.count + quantity
    lines[#lines + 1] = ticket_type .. ':' .. quantity .. ':' .. price[ticket_type]
  end
  it.priced = table.concat(lines, ',')
  wishes[items] = it
  return it
end
local function enough(it)
  for ticket_type, quantity in pairs(it.counts) do
    if free[ticket_type] < quantity then return false end
  end
  return true
end
local function take(it)
  for ticket_type, quantity in pairs(it.counts) do
    free[ticket_type] = free[ticket_type] - quantity
    taken[ticket_type] = taken[ticket_type] + quantity
  end
end
local function write_taken()
  local all = 0
  for ticket_type, count in pairs(taken) do
    if count > 0 then
      redis.call('HINCRBY', stock, 'free:' .. ticket_type, -count)
      redis.call('HINCRBY', stock, 'held:' .. ticket_type, count)
      all = all + count
    end
  end
  if all == 0 then return end
  redis.call('HINCRBY', stock, 'free', -all)
  redis.call('HINCRBY', stock, 'held', all)
end
