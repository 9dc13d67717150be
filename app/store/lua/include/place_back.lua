-- Puts a visitor who had a place before a restore back in it; nobody who had their turn gets a second one. A
-- visitor who wanted more than one ticket may have been passed over, so they wait again. Returns as
-- `find_place`; `unchecked`: the operation must look up in Postgres how the visitor's places ended (and ask
-- again with an epoch of -1, or with -2 if this place was carried to them and has not ended, whatever became
-- of higher numbers); `undrawn`: it must look up the number a draw gave (and ask again with it, or with -2
-- for none); `no_draw`: it must supply the draw; nil: there is nothing to put back.
-- NEEDS call_in, config, ending_of, ENDINGS_TOLD_MS, find_place, lane_of, note_wanted, now_ms, prequeue
-- NEEDS progress, restored_serving_of, score_of, serving_of, sizes, waiting
-- GIVES place_back
local function place_back(visitor_id, draw, number, epoch, quantity)
  if number == -1 or epoch >= config.epoch then return nil end
  local ending, ended_number = ending_of(visitor_id)
  if ending and number <= ended_number and epoch ~= -2 then
    local earlier = number > 0 and number < ended_number -- it may have been carried to them since
    return earlier and epoch >= 0 and 'unchecked' or nil
  end
  if number < 1 and config.method ~= 'lottery' then return nil end
  if number == 0 and config.opened_at_ms > 0 then return 'undrawn' end
  if number < 1 and draw == '' then return 'no_draw' end
  -- Their turn had come, and their session may not be loaded yet.
  local restored_to, lane = restored_serving_of(visitor_id), lane_of(visitor_id)
  if config.restoring == 1 and number > 0 and number <= restored_to then return 'restoring' end
  if number > 0 and epoch >= 0 then return 'unchecked' end -- it may have ended on a server that was lost
  progress.changed = true
  local function back_in(line, score)
    redis.call('ZADD', line, score, visitor_id)
    if quantity > 0 then note_wanted(visitor_id, quantity) end
    sizes.prequeue, sizes.waiting = redis.call('ZCARD', prequeue), redis.call('ZCARD', waiting)
    return find_place(visitor_id)
  end
  if config.opened_at_ms == 0 or number == -2 then
    return back_in(prequeue, number > 0 and score_of(visitor_id, number) or draw)
  end
  local turn_remembered = now_ms - config.restored_at_ms < ENDINGS_TOLD_MS
  -- The progress of other lanes is not recorded over time: a lapsed call is known by its ending.
  local settled = lane == 0 and config.restored_settled or config.unloaded == 1 and restored_to or 0
  local served = number <= restored_to
  local never_called = not served and (number > serving_of(lane) or turn_remembered)
  local call_running = served and number > settled and turn_remembered
  local passed_over = served and quantity > 0 and turn_remembered and config.unloaded ~= 1
  local fits = config.active_max == 0 or sizes.called + sizes.active < config.active_max
  if call_running and not passed_over and fits then
    return 'called', number, -1, call_in(visitor_id, number)
  end
  if not (never_called or call_running or passed_over) then return nil end
  return back_in(waiting, score_of(visitor_id, number))
end
