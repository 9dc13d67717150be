-- Moves tickets between two of free, held and sold: per ticket type and in the sums over all types.
local function move(items, from, to)
  local moved = 0
  for ticket_type, quantity in string.gmatch(items, '([^:,]+):(%d+):?%d*') do
    redis.call('HINCRBY', stock, from .. ':' .. ticket_type, -quantity)
    redis.call('HINCRBY', stock, to .. ':' .. ticket_type, quantity)
    moved = moved + quantity
  end
  redis.call('HINCRBY', stock, from, -moved)
  redis.call('HINCRBY', stock, to, moved)
  return moved
end
-- Adds to a visitor's tally; a tally that comes to nothing is forgotten.
local function tally(field, change)
  local now = redis.call('HINCRBY', allowance, field, change)
  if now <= 0 then redis.call('HDEL', allowance, field) end
  return now
end
