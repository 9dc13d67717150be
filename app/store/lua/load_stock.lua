-- Sets the totals and prices of ticket types from Postgres; what is held and sold stays as it is. Where there are seats
-- (`seated` is 1) they are loaded before, so that none is ever sold by the count.
-- KEYS conf, stock
-- RECORD ticket_type_id, total:num, price, seated
-- REPLY unknown | loaded FREE
if redis.call('EXISTS', conf) == 0 then return {'unknown'} end
for ticket_type_id, total, price, seated in records() do
  local names = {'total:' .. ticket_type_id, 'held:' .. ticket_type_id, 'sold:' .. ticket_type_id}
  local was = redis.call('HMGET', stock, unpack(names))
  local change = total - (was[1] or 0)
  redis.call('HSET', stock, names[1], total, names[2], was[2] or 0, names[3], was[3] or 0,
    'price:' .. ticket_type_id, price)
  if seated == '1' then redis.call('HSET', stock, 'seated:' .. ticket_type_id, 1) end
  redis.call('HINCRBY', stock, 'free:' .. ticket_type_id, change)
  redis.call('HINCRBY', stock, 'free', change)
  redis.call('HINCRBY', stock, 'total', change)
  redis.call('HINCRBY', stock, 'held', 0)
  redis.call('HINCRBY', stock, 'sold', 0)
end
return {'loaded', tonumber(redis.call('HGET', stock, 'free') or 0)}
