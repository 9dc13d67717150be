-- The amount of requested items at current prices, computed once for all requests for the same. A line is
-- TYPE:QUANTITY; for a seated type TYPE:QUANTITY@SEAT+SEAT, or TYPE:QUANTITY@* for the best available. !CODE
-- may follow the lines, or !* for a guest: free, even if hidden or off sale. The booking fee is part of the
-- amount but of no line: it is the amount less the discounted lines.
-- NEEDS now_ms, off_sale, opened_by, read_code, reduced, reduction, stock
-- GIVES wish, add_up, enough, take, write_taken
local free, price, unknown, seated, taken, wishes, off, hidden = {}, {}, {}, {}, {}, {}, nil, {}
local fee_terms -- PER_TICKET|RATE_BP, as `load_stock.lua` wrote it
-- The booking fee of an order (`core/sums.py`): free tickets have none; half a minor unit is rounded up.
local function with_fee(amount, paid)
  local each, rate_bp = string.match(fee_terms or '', '^(%d+)|(%d+)$')
  if not each or amount == 0 then return amount end
  return amount + each * paid + math.floor((2 * amount * rate_bp + 10000) / 20000)
end
-- Adds up lines of {TYPE, QUANTITY, SEATS or nil} at their prices with the request's code.
local function add_up(it, lines)
  local priced, sums, paid = {}, {}, 0
  it.counts, it.amount, it.count = {}, 0, 0
  for n, line in ipairs(lines) do
    local ticket_type, quantity, each = line[1], line[2], it.guest and 0 or price[line[1]]
    if it.code then each = string.format('%.0f', reduced(it.code, ticket_type, each)) end
    it.counts[ticket_type], it.count = quantity, it.count + quantity
    sums[ticket_type] = quantity * each
    if sums[ticket_type] > 0 then paid = paid + quantity end
    it.amount = it.amount + sums[ticket_type]
    priced[n] = ticket_type .. ':' .. quantity .. ':' .. each .. (line[3] and '@' .. line[3] or '')
  end
  it.priced = table.concat(priced, ',')
  if not it.code then
    it.amount = with_fee(it.amount, paid)
    return it
  end
  local less, any = reduction(it.code, sums)
  it.amount = with_fee(it.amount - less, paid)
  it.priced = it.priced .. string.format('!%s!%.0f', it.code.name, less)
  it.refused = it.code.wrong or not any and 'other' or nil
  return it
end
local function wish(items)
  if wishes[items] then return wishes[items] end
  local it, lines, asked, code = {plain = {}}, {}, items, nil
  if string.find(items, '!', 1, true) then asked, code = string.match(items, '^(.*)!(.*)$') end
  it.guest, it.code = code == '*', code and code ~= '*' and read_code(code)
  for ticket_type, quantity, which in string.gmatch(asked, '([^:,]+):(%d+)@?([^,]*)') do
    if not free[ticket_type] then
      local found = redis.call('HMGET', stock,
        'free:' .. ticket_type, 'price:' .. ticket_type, 'seated:' .. ticket_type, 'windows',
        'hidden:' .. ticket_type, 'fee')
      unknown[ticket_type], seated[ticket_type] = not found[1], found[3] and true or false
      free[ticket_type], price[ticket_type], taken[ticket_type] = tonumber(found[1] or 0), found[2] or 0, 0
      off, hidden[ticket_type] = off or off_sale(found[4], now_ms), found[5]
      fee_terms = found[6]
    end
    if unknown[ticket_type] then
      it.wrong, it.about = 'unknown_type', ticket_type
    elseif seated[ticket_type] ~= (which ~= '') then
      it.wrong, it.about = seated[ticket_type] and 'seated_type' or 'no_seats', ticket_type
    end
    if hidden[ticket_type] and not it.guest and not opened_by(it.code, ticket_type) then
      if not (it.code and it.code.wrong) then it.wrong, it.about = 'unknown_type', ticket_type end
      it.shut = true
    end
    it.off = it.off or not it.guest and off[ticket_type]
    if which == '*' then
      it.best = ticket_type
    elseif which ~= '' then
      it.named = it.named or {}
      it.named[#it.named + 1] = {ticket_type, which}
    end
    lines[#lines + 1] = {ticket_type, tonumber(quantity)}
    if which == '' then it.plain[#it.plain + 1] = lines[#lines] end
  end
  wishes[items] = add_up(it, lines)
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
