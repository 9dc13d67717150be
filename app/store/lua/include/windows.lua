-- The ticket types that are not on sale now: TYPE:from:MS before their sale, TYPE:until:MS after it. `windows` in `stock`
-- names those that have limits only: TYPE:FROM:UNTIL,... in ms, each side perhaps empty.
local function off_sale(windows)
  local off = {}
  for ticket_type, from, till in string.gmatch(windows or '', '([^:,]+):(%d*):(%d*)') do
    if from ~= '' and now_ms < tonumber(from) then
      off[ticket_type] = ticket_type .. ':from:' .. from
    elseif till ~= '' and now_ms >= tonumber(till) then
      off[ticket_type] = ticket_type .. ':until:' .. till
    end
  end
  return off
end
-- How many free tickets of the room are not on sale now: nobody is called for them.
local function free_off_sale()
  local count = 0
  if not n.windows then return count end
  for ticket_type in pairs(off_sale(n.windows)) do
    count = count + (redis.call('HGET', stock, 'free:' .. ticket_type) or 0)
  end
  return count
end
-- Whether all that is free is not on sale: 'not_on_sale_yet' if some of it will be, 'sale_over'; '' if any is on sale.
local function all_off_sale()
  if not n.windows or not n.free or n.free == 0 or free_off_sale() < n.free then return '' end
  for _, why in pairs(off_sale(n.windows)) do
    if string.find(why, ':from:', 1, true) then return 'not_on_sale_yet' end
  end
  return 'sale_over'
end
