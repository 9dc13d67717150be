-- With no crowd whoever comes is called at once, where enough is free for them.
local free_places = 0
local function may_be_called(quantity)
  return free_places > 0 and n.waiting + n.prequeue == 0 and quantity <= math.min(spare, n.on_sale or spare)
end
local function take_call(number)
  free_places, spare = free_places - 1, spare - 1
  m.level, m.admitted = m.level - TOKEN, m.admitted + 1
  m.serving_position = number
end
