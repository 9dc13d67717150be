-- With no crowd whoever comes is called at once, where enough is free for them.
local free_places = 0
local function may_be_called(quantity)
  return free_places > 0 and n.waiting + n.prequeue == 0 and quantity <= math.min(spare, n.on_sale or spare)
end
local function call_at_once(visitor_id, number, quantity)
  free_places, spare = free_places - 1, spare - quantity
  m.level, m.admitted = m.level - TOKEN, m.admitted + 1
  m.serving_position = number
  want(visitor_id, quantity)
  return 'called', number, -1, call_in(visitor_id, number), 1
end
