-- Grants requests: each takes all its stock, seats, allowance and use of a code, or nothing. `read_buyers`
-- once for the batch, then for each request `judge` and, if it passes, `grant`; finally `write_grants`, which
-- writes the batch once. `sale` is the room's data about its sale.
-- NEEDS active, allowance, buyers, conf, enough, forget_wanted, holds, name_seats, now_ms, set_seats, take
-- NEEDS take_best, use_code, wish, with_seats, write_codes, write_seats, write_taken
-- GIVES sale, read_buyers, judge, grant, write_grants
local sale = {}
sale.run_id, sale.event_id, sale.restoring, sale.epoch, sale.currency, sale.hold_ttl_ms, sale.max_tickets =
  unpack(redis.call('HMGET', conf,
    'run_id', 'event_id', 'restoring', 'epoch', 'currency', 'hold_ttl_ms', 'max_tickets'))
local sessions, has, new_holds, new_has, new_buyers = {}, {}, {}, {}, {}
-- Returns the ends of their sessions, by visitor.
local function read_buyers(visitors)
  local ends = redis.call('ZMSCORE', active, unpack(visitors))
  local had = redis.call('HMGET', allowance, unpack(visitors))
  for i, visitor_id in ipairs(visitors) do
    sessions[visitor_id], has[visitor_id] = tonumber(ends[i] or 0), tonumber(had[i] or 0)
  end
  return sessions
end
-- The total of a request; or why it is refused, with the detail. An expected amount of -1 accepts any.
local function judge(items, visitor_id, expected)
  local it, refusal, about = wish(items), nil, nil
  if it.wrong then return it, it.wrong, it.about end
  it, refusal, about = name_seats(it, visitor_id)
  if refusal then return it, refusal, about end
  local too_many = has[visitor_id] + it.count > tonumber(sale.max_tickets)
  if too_many and not it.guest then return it, 'limit_exceeded' end
  if expected >= 0 and expected ~= it.amount then
    return it, 'price_changed', string.format('%.0f', it.amount)
  end
  return it, not enough(it) and 'sold_out' or nil
end
-- Takes what `judge` has accepted, and returns its terms; nothing if there are too few of the best seats.
local function grant(reservation_id, visitor_id, it)
  if it.best then
    local ids = take_best(it.best, it.counts[it.best], visitor_id)
    if not ids then return nil end
    it = with_seats({{it.best, ids}}, it)
  end
  it.terms = it.terms or string.format('%.0f|%s|%.0f|%.0f|%s', -- shared by all requests for the same
    it.amount, sale.currency, now_ms, now_ms + tonumber(sale.hold_ttl_ms), it.priced)
  local terms = it.terms
  take(it)
  if it.code then use_code(it.code) end
  if it.seats then set_seats(it.priced, 'h', visitor_id) end
  has[visitor_id] = has[visitor_id] + it.count
  new_holds[#new_holds + 1], new_holds[#new_holds + 2] = reservation_id, 'held|' .. visitor_id .. '|' .. terms
  new_has[#new_has + 1], new_has[#new_has + 2] = visitor_id, has[visitor_id]
  if sessions[visitor_id] > 0 then
    new_buyers[#new_buyers + 1] = visitor_id
    forget_wanted(visitor_id, true)
  end
  return terms
end
local function write_grants()
  if #new_holds == 0 then return end
  redis.call('HSET', holds, unpack(new_holds))
  redis.call('HSET', allowance, unpack(new_has))
  if #new_buyers > 0 then redis.call('SADD', buyers, unpack(new_buyers)) end
  write_taken()
  write_codes()
  write_seats()
end
