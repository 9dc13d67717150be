-- How many free tickets of the room are not on sale now; nobody is called for them.
-- NEEDS now_ms, off_sale, sizes, stock
-- GIVES free_off_sale, all_off_sale
local function free_off_sale()
  local count = 0
  if not sizes.windows then return count end
  for ticket_type in pairs(off_sale(sizes.windows, now_ms)) do
    count = count + (redis.call('HGET', stock, 'free:' .. ticket_type) or 0)
  end
  return count
end
-- '' if any free ticket is on sale; else 'not_on_sale_yet' if some will be, or 'sale_over'.
local function all_off_sale()
  if not sizes.windows or not sizes.free or sizes.free == 0 or free_off_sale() < sizes.free then return '' end
  for _, why in pairs(off_sale(sizes.windows, now_ms)) do
    if string.find(why, ':from:', 1, true) then return 'not_on_sale_yet' end
  end
  return 'sale_over'
end
