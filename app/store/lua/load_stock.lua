-- Sets the totals, prices and sale windows of all ticket types from Postgres, and the booking fee, which is
-- PER_TICKET|RATE_BP, "" for none; held and sold are kept. Seats (where `seated` is 1) must be loaded before,
-- so that seated tickets are never sold by count alone.
-- KEYS conf, stock
-- ARGV fee
-- RECORD ticket_type_id, total:num, price, seated, window, hidden
-- USES loaded
-- REPLY unknown | loaded (free)
if not is_loaded(redis.call('HGET', conf, 'run_id')) then return {'unknown'} end
local windows = {}
for ticket_type_id, total, price, seated, window, hidden in records() do
  local names = {'total:' .. ticket_type_id, 'held:' .. ticket_type_id, 'sold:' .. ticket_type_id}
  local was = redis.call('HMGET', stock, unpack(names))
  local change = total - (was[1] or 0)
  redis.call('HSET', stock, names[1], total, names[2], was[2] or 0, names[3], was[3] or 0,
    'price:' .. ticket_type_id, price)
  if seated == '1' then redis.call('HSET', stock, 'seated:' .. ticket_type_id, 1) end
  if hidden == '1' then
    redis.call('HSET', stock, 'hidden:' .. ticket_type_id, 1)
  else
    redis.call('HDEL', stock, 'hidden:' .. ticket_type_id)
  end
  if window ~= '' then windows[#windows + 1] = ticket_type_id .. ':' .. window end
  redis.call('HINCRBY', stock, 'free:' .. ticket_type_id, change)
  redis.call('HINCRBY', stock, 'free', change)
  redis.call('HINCRBY', stock, 'total', change)
  redis.call('HINCRBY', stock, 'held', 0)
  redis.call('HINCRBY', stock, 'sold', 0)
end
if fee ~= '' then redis.call('HSET', stock, 'fee', fee) else redis.call('HDEL', stock, 'fee') end
if #windows > 0 then
  redis.call('HSET', stock, 'windows', table.concat(windows, ','))
else
  redis.call('HDEL', stock, 'windows')
end
return {'loaded', tonumber(redis.call('HGET', stock, 'free') or 0)}
