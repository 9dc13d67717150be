-- Ticket types that are not on sale now: TYPE:from:MS before their sale, TYPE:until:MS after it. `windows` in
-- `stock` lists only types with a sale window: TYPE:FROM:UNTIL,... in ms, either of which may be empty.
-- GIVES off_sale
local function off_sale(windows, at_ms)
  local off = {}
  for ticket_type, from, till in string.gmatch(windows or '', '([^:,]+):(%d*):(%d*)') do
    if from ~= '' and at_ms < tonumber(from) then
      off[ticket_type] = ticket_type .. ':from:' .. from
    elseif till ~= '' and at_ms >= tonumber(till) then
      off[ticket_type] = ticket_type .. ':until:' .. till
    end
  end
  return off
end
