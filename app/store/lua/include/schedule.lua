-- Applies scheduled times; `app.core.waiting_room.rules.due_state` does the same for Postgres. A restored
-- room opens only after its visitors have had time to come back, or the draw would miss them.
-- NEEDS config, enter_state, now_ms, restored
-- GIVES act_on_schedule, next_due_in_ms
local function act_on_schedule()
  local function due(at_ms) return at_ms > 0 and at_ms <= now_ms end
  local before = config.state == 'scheduled' or config.state == 'prequeue'
  if due(config.closes_at_ms) and config.state ~= 'closed' then
    enter_state('closed')
  elseif before and due(config.opens_at_ms) and restored() then
    enter_state('open')
  elseif config.state == 'scheduled' and due(config.prequeue_at_ms) then
    enter_state('prequeue')
  end
end

-- The ms until the next scheduled time; -1: there is none.
local function next_due_in_ms()
  local nearest = math.huge
  for _, at_ms in ipairs({ config.prequeue_at_ms, config.opens_at_ms, config.closes_at_ms }) do
    if at_ms > now_ms then nearest = math.min(nearest, at_ms - now_ms) end
  end
  return nearest == math.huge and -1 or nearest
end
