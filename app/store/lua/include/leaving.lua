-- A visitor gives up their call or their place in the queue. Only the end of a call is recorded.
-- NEEDS end_call, forget_network, forget_wanted, prequeue, progress, tell_of_visitor, waiting
-- GIVES give_up_place
local function give_up_place(visitor_id, word, number)
  if word == 'called' then
    end_call(visitor_id, 'left', 'left')
  elseif word then
    redis.call('ZREM', waiting, visitor_id)
    redis.call('ZREM', prequeue, visitor_id)
    forget_wanted(visitor_id, false)
    forget_network(visitor_id)
    tell_of_visitor('left', visitor_id, number)
    progress.left, progress.changed = progress.left + 1, true
  end
end
