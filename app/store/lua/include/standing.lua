-- The answer for a visitor with a token: as `find_place`, or how their place ended, or a refusal.
-- NEEDS burst, config, ending_of, find_place, in_transit, over_limit, place_back, polls, rate, removed
-- GIVES standing
local function standing(visitor_id, draw, number, epoch, quantity)
  local wait_ms = over_limit(polls, visitor_id, rate, burst)
  if wait_ms then return 'limited', wait_ms end
  if redis.call('SISMEMBER', removed, visitor_id) == 1 then return 'removed', math.max(0, number) end
  local word, its_number, ahead, deadline_ms = find_place(visitor_id)
  if word then return word, its_number, ahead, deadline_ms end
  word, its_number, ahead, deadline_ms = place_back(visitor_id, draw, number, epoch, quantity)
  if word then return word, its_number, ahead, deadline_ms end
  word, its_number, ahead, deadline_ms = in_transit(visitor_id, number, epoch)
  if word then return word, its_number, ahead, deadline_ms end
  local ending, ended_number = ending_of(visitor_id)
  if ending and (epoch >= config.epoch or number <= ended_number) then return ending, math.max(0, number) end
  return (number > 0 and epoch < config.epoch) and 'no_show' or 'absent', math.max(0, number)
end
