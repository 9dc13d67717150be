-- Moves tickets between free, held and sold, per ticket type and in the totals over all types. write_moves
-- writes the stock once for the whole batch.
-- NEEDS allowance, stock
-- GIVES move, write_moves, tally
local moves = {}
local function move(items, from, to)
  local moved = 0
  for ticket_type, quantity in string.gmatch(items, '([^:,]+):(%d+):?%d*') do
    moves[from .. ':' .. ticket_type] = (moves[from .. ':' .. ticket_type] or 0) - quantity
    moves[to .. ':' .. ticket_type] = (moves[to .. ':' .. ticket_type] or 0) + quantity
    moved = moved + quantity
  end
  moves[from], moves[to] = (moves[from] or 0) - moved, (moves[to] or 0) + moved
  return moved
end
local function write_moves()
  for field, change in pairs(moves) do
    if change ~= 0 then redis.call('HINCRBY', stock, field, change) end
  end
end
-- Adds to a visitor's tally; a tally of zero is deleted.
local function tally(field, change)
  local now = redis.call('HINCRBY', allowance, field, change)
  if now <= 0 then redis.call('HDEL', allowance, field) end
  return now
end
