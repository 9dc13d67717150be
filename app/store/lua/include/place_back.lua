-- A visitor who was told a place before the room was restored is put back where they stood; nobody who had
-- their turn gets a second one. Who wanted more than one may have been passed over, so they wait again.
-- Returns as `find_place`; `unchecked`: the operation has to look up in Postgres how the visitor's places
-- ended (and asks again with an epoch of -1, or with -2 if this one was carried to them and has not ended,
-- whatever became of higher numbers); `undrawn`: the same for the number a draw gave (and asks with
-- it, or with -2 for none); `no_draw`: it has to say the draw; nil: there is nothing to put back.
-- NEEDS c, call_in, ending_of, ENDINGS_TOLD_MS, find_place, m, n, note_wanted, now_ms, prequeue, waiting
-- GIVES place_back
local function place_back(visitor_id, draw, number, epoch, quantity)
  if number == -1 or epoch >= c.epoch then return nil end
  local ending, ended_number = ending_of(visitor_id)
  if ending and number <= ended_number and epoch ~= -2 then
    local earlier = number > 0 and number < ended_number -- which may have been carried to them since
    return earlier and epoch >= 0 and 'unchecked' or nil
  end
  if number < 1 and c.method ~= 'lottery' then return nil end
  if number == 0 and c.opened_at_ms > 0 then return 'undrawn' end
  if number < 1 and draw == '' then return 'no_draw' end
  -- Whose turn had come may have a session that is not loaded yet.
  if c.restoring == 1 and number > 0 and number <= c.restored_serving then return 'restoring' end
  if number > 0 and epoch >= 0 then return 'unchecked' end -- it may have ended on a server that is gone
  m.changed = true
  local function back_in(line, score)
    redis.call('ZADD', line, score, visitor_id)
    if quantity > 0 then note_wanted(visitor_id, quantity) end
    n.prequeue, n.waiting = redis.call('ZCARD', prequeue), redis.call('ZCARD', waiting)
    return find_place(visitor_id)
  end
  if c.opened_at_ms == 0 or number == -2 then
    return back_in(prequeue, number > 0 and number or draw)
  end
  local turn_remembered = now_ms - c.restored_at_ms < ENDINGS_TOLD_MS
  local never_called = number > c.restored_serving and (number > m.serving_position or turn_remembered)
  local call_running = number > c.restored_settled and number <= c.restored_serving and turn_remembered
  local passed_over = quantity > 0 and number <= c.restored_serving and turn_remembered and c.unloaded ~= 1
  if call_running and not passed_over and (c.active_max == 0 or n.called + n.active < c.active_max) then
    return 'called', number, -1, call_in(visitor_id, number)
  end
  if not (never_called or call_running or passed_over) then return nil end
  return back_in(waiting, number)
end
