-- Decides a batch of submissions: each takes all the stock and allowance it asks for, or none. A known id
-- keeps its outcome, so a batch may be decided twice; a refusal is stored at once, for a worker that another
-- has overtaken.
-- KEYS conf, stock, holds, allowance, buyers, active, outcomes, outcomes_before, seats, sitters, wanted
-- ARGV now_ms:clock
-- RECORD reservation_id, visitor_id, items
-- USES best_seats, loaded, named_seats, outcomes, seats, wanted, wishes
-- REPLY unknown|restoring | (epoch event_id)
-- EACH (word terms)
-- EACH held|known|settled|not_on_sale|sold_out|seat_taken|limit_exceeded|forgotten
-- Terms: for held and known AMOUNT|CURRENCY|CREATED_MS|EXPIRES_MS|ITEMS (with prices, and seats); for settled
-- the outcome; for seat_taken SEATS; for not_on_sale TYPE:from|until:MS. forgotten: Redis was wiped after
-- this was submitted, and nobody is waiting for it.
local room = redis.call('HMGET', conf,
  'run_id', 'restoring', 'epoch', 'event_id', 'currency', 'hold_ttl_ms', 'max_tickets')
if not is_loaded(room[1]) then return {'unknown'} end
if room[2] == '1' then return {'restoring'} end
local times = string.format('|%s|%.0f|%.0f|', room[5], now_ms, now_ms + tonumber(room[6]))
local max_tickets, ids, visitors = tonumber(room[7]), {}, {}
for reservation_id, visitor_id in records() do
  ids[#ids + 1], visitors[#visitors + 1] = reservation_id, visitor_id
end
local entries, known = redis.call('HMGET', holds, unpack(ids)), recall(ids)
local had = redis.call('HMGET', allowance, unpack(visitors))
local inside = redis.call('ZMSCORE', active, unpack(visitors))
local here, spent, new_holds, new_spent, new_buyers = {}, {}, {}, {}, {}

local function hold(n, reservation_id, visitor_id, it)
  local terms = string.format('%.0f', it.amount) .. times .. it.priced
  take(it)
  if it.seats then set_seats(it.priced, 'h', visitor_id) end
  here[reservation_id], spent[visitor_id] = terms, (spent[visitor_id] or tonumber(had[n] or 0)) + it.count
  new_holds[#new_holds + 1], new_holds[#new_holds + 2] = reservation_id, 'held|' .. visitor_id .. '|' .. terms
  new_spent[#new_spent + 1], new_spent[#new_spent + 2] = visitor_id, spent[visitor_id]
  if inside[n] then
    new_buyers[#new_buyers + 1] = visitor_id
    forget_wanted(visitor_id, true)
  end
  return 'held', terms
end
local function decide(n, reservation_id, visitor_id, items)
  if here[reservation_id] then return 'known', here[reservation_id] end
  if entries[n] then return 'known', string.match(entries[n], '^[^|]*|[^|]*|(.*)$') end
  if not known[n] then return 'forgotten', '' end
  local fingerprint, told = string.match(known[n], '^([^|]*|)(.*)$')
  if string.sub(told, 1, 8) ~= 'pending|' then return 'settled', told end
  local it, refused, which = name_seats(wish(items), visitor_id)
  local refusal = refused == 'not_on_sale' and refused or refused and 'seat_taken'
    or not enough(it) and 'sold_out'
    or (spent[visitor_id] or tonumber(had[n] or 0)) + it.count > max_tickets and 'limit_exceeded'
  if it.best and not refusal then
    local ids = take_best(it.best, it.count, visitor_id)
    if ids then it = with_seats({{it.best, ids}}) else refusal = 'sold_out' end
  end
  if not refusal then return hold(n, reservation_id, visitor_id, it) end
  remember(reservation_id, fingerprint .. refusal .. '|' .. visitor_id .. (which and '|' .. which or ''))
  return refusal, which or ''
end

local replies = {room[3], room[4] or ''}
for reservation_id, visitor_id, items in records() do
  replies[#replies + 1], replies[#replies + 2] = decide(#replies / 2, reservation_id, visitor_id, items)
end
if #new_holds > 0 then redis.call('HSET', holds, unpack(new_holds)) end
if #new_spent > 0 then redis.call('HSET', allowance, unpack(new_spent)) end
if #new_buyers > 0 then redis.call('SADD', buyers, unpack(new_buyers)) end
write_taken()
write_seats()
write_outcomes()
return replies
