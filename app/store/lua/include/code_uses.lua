-- The code in the items of a hold (`ITEMS!CODE!DISCOUNT`), and counting the live reservations that use it.
-- NEEDS codes
-- GIVES code_in, count_code
local function code_in(items) return string.match(items, '!([^!]*)!') end
local function count_code(items, change)
  local name = code_in(items)
  if name and redis.call('HINCRBY', codes, 'used:' .. name, change) <= 0 then
    redis.call('HDEL', codes, 'used:' .. name)
  end
end
