-- With no crowd whoever comes is called at once, where enough is free for them: `open_at_once` first, then
-- for each.
-- NEEDS callable, m, n, TOKEN
-- GIVES open_at_once, may_be_called, take_call
local calls, spare = 0, 0
local function open_at_once() calls, spare = callable() end
local function may_be_called(quantity)
  return calls > 0 and n.waiting + n.prequeue == 0 and quantity <= math.min(spare, n.on_sale or spare)
end
local function take_call(number)
  calls, spare = calls - 1, spare - 1
  m.level, m.admitted = m.level - TOKEN, m.admitted + 1
  m.serving_position = number
end
