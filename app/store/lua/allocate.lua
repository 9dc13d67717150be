-- Decides a batch of submissions: takes stock and allowance, all of a submission or none. A known id keeps its
-- old outcome, so a batch may be decided twice.
-- KEYS conf, stock, holds, allowance, buyers, active, outcomes, outcomes_before
-- ARGV now_ms:clock
-- RECORD reservation_id, visitor_id, items
-- USES stock, outcomes
-- REPLY unknown | restoring for all; else epoch event_id, then for each a word and a detail:
-- REPLY held|known AMOUNT|CURRENCY|CREATED_MS|EXPIRES_MS|ITEMS (with prices) | settled OUTCOME
-- REPLY sold_out | limit_exceeded | forgotten: Redis was wiped since this was submitted, and nobody waits for it
local room = redis.call('HMGET', conf,
  'version', 'restoring', 'epoch', 'event_id', 'currency', 'hold_ttl_ms', 'max_tickets')
if not room[1] then return {'unknown'} end
if room[2] == '1' then return {'restoring'} end
local expires_ms, max_tickets = now_ms + tonumber(room[6]), tonumber(room[7])
local replies = {room[3], room[4] or ''}

-- The items with their prices, amount and quantity; nil when there is too little of one of them.
local function priced(items)
  local lines, amount, count = {}, 0, 0
  for ticket_type, quantity in string.gmatch(items, '([^:,]+):(%d+)') do
    local found = redis.call('HMGET', stock, 'free:' .. ticket_type, 'price:' .. ticket_type)
    if tonumber(found[1] or 0) < tonumber(quantity) then return nil end
    lines[#lines + 1] = ticket_type .. ':' .. quantity .. ':' .. found[2]
    amount, count = amount + quantity * found[2], count + quantity
  end
  return table.concat(lines, ','), amount, count
end
local function decide(reservation_id, visitor_id, items)
  local entry = redis.call('HGET', holds, reservation_id)
  if entry then return 'known', string.match(entry, '^[^|]*|[^|]*|(.*)$') end
  local outcome = outcome_of(reservation_id, visitor_id .. ':refused')
  if not outcome then return 'forgotten', '' end
  local told = string.match(outcome, '^[^|]*|(.*)$')
  if string.sub(told, 1, 8) ~= 'pending|' then return 'settled', told end
  local lines, amount, count = priced(items)
  if not lines then return 'sold_out', '' end
  if (redis.call('HGET', allowance, visitor_id) or 0) + count > max_tickets then return 'limit_exceeded', '' end
  local terms = string.format('%.0f|%s|%.0f|%.0f|%s', amount, room[5], now_ms, expires_ms, lines)
  redis.call('HSET', holds, reservation_id, 'held|' .. visitor_id .. '|' .. terms)
  move(items, 'free', 'held')
  redis.call('HINCRBY', allowance, visitor_id, count)
  if redis.call('ZSCORE', active, visitor_id) then redis.call('SADD', buyers, visitor_id) end
  return 'held', terms
end

for reservation_id, visitor_id, items in records() do
  replies[#replies + 1], replies[#replies + 2] = decide(reservation_id, visitor_id, items)
end
return replies
