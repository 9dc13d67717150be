-- Visitors whose number a part of the room gave out and whom `gather.lua` has not moved here yet: they wait
-- behind everybody who is here.
-- NEEDS config, ending_of, progress, sizes
-- GIVES in_transit
local function in_transit(visitor_id, number, epoch)
  if not config.parts or epoch < config.epoch then return nil end
  if number <= (progress.gathered_to or 0) or number > progress.last_number then return nil end
  local ending, ended_number = ending_of(visitor_id)
  if ending and ended_number >= number then return nil end
  if config.opened_at_ms == 0 then return 'prequeue', number, -1, 0 end
  return 'waiting', number, sizes.waiting, 0
end
