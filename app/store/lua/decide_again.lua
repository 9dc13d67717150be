-- Decides submissions whose entry in the stream has no valid decision: decided before a restore, expired
-- before it was written, or undecided, from a release that left deciding to workers. The rules are those of
-- `submit.lua`. A known id keeps its outcome, so a batch may be decided twice; a refusal is stored at once,
-- for a worker that another has overtaken.
-- KEYS conf, stock, holds, allowance, buyers, active, outcomes, outcomes_before, seats, sitters, wanted
-- KEYS codes
-- ARGV now_ms:clock
-- RECORD reservation_id, visitor_id, items
-- USES granting, loaded, outcomes
-- REPLY unknown|restoring | (epoch event_id)
-- EACH (word terms)
-- EACH held|known|settled|not_on_sale|code_refused|sold_out|seat_taken|limit_exceeded|forgotten
-- EACH companion_alone
-- Terms: for held and known AMOUNT|CURRENCY|CREATED_MS|EXPIRES_MS|ITEMS (with prices, and seats; with a code
-- ITEMS!CODE!DISCOUNT); for settled the outcome; for seat_taken and companion_alone SEATS; for not_on_sale
-- TYPE:from|until:MS; for code_refused the reason, as in `submit.lua`. forgotten: Redis was lost after this
-- was submitted, and nobody is waiting for it.
if not is_loaded(sale.run_id) then return {'unknown'} end
if sale.restoring == '1' then return {'restoring'} end
local ids, visitors, here = {}, {}, {}
for reservation_id, visitor_id in records() do
  ids[#ids + 1], visitors[#visitors + 1] = reservation_id, visitor_id
end
local entries, known = redis.call('HMGET', holds, unpack(ids)), recall(ids)
read_buyers(visitors)

-- A ticket type or a seat that no longer exists counts as sold out.
local GONE = {unknown_type = 'sold_out', seated_type = 'sold_out', no_seats = 'sold_out',
  unknown_seat = 'seat_taken'}
-- The terms of an existing hold; they start over if they expired before anybody was notified.
local function terms_of(n, reservation_id)
  local head, price, created_ms, expires_ms, items =
    string.match(entries[n], '^([^|]*|[^|]*|)([^|]*|[^|]*|)(%d+)|(%d+)|(.*)$')
  if tonumber(expires_ms) > now_ms or not string.match(known[n] or '', '^[^|]*|pending|') then
    return price .. created_ms .. '|' .. expires_ms .. '|' .. items
  end
  local terms = string.format('%s%.0f|%.0f|%s', price, now_ms, now_ms + tonumber(sale.hold_ttl_ms), items)
  redis.call('HSET', holds, reservation_id, head .. terms)
  return terms
end
local function decide(n, reservation_id, visitor_id, items)
  if here[reservation_id] then return 'known', here[reservation_id] end
  if entries[n] then return 'known', terms_of(n, reservation_id) end
  if not known[n] then return 'forgotten', '' end
  local fingerprint, told = string.match(known[n], '^([^|]*|)(.*)$')
  if string.sub(told, 1, 8) ~= 'pending|' then return 'settled', told end
  local it, refusal, about = judge(items, visitor_id, -1)
  local terms = not refusal and grant(reservation_id, visitor_id, it)
  if terms then
    here[reservation_id] = terms
    return 'held', terms
  end
  if refusal and GONE[refusal] == 'sold_out' then about = nil end
  refusal = GONE[refusal] or refusal or 'sold_out'
  remember(reservation_id, fingerprint .. refusal .. '|' .. visitor_id .. (about and '|' .. about or ''))
  return refusal, about or ''
end

local replies = {sale.epoch, sale.event_id or ''}
for reservation_id, visitor_id, items in records() do
  replies[#replies + 1], replies[#replies + 2] = decide(#replies / 2, reservation_id, visitor_id, items)
end
write_grants()
write_outcomes()
return replies
