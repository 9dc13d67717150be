-- The times staff set act by themselves. `app.core.rules.due_state` says the same for Postgres. A restored
-- room opens after its visitors had time to come back, or the draw would miss them.
-- NEEDS c, enter_state, now_ms, restored
-- GIVES act_on_schedule, next_due_in_ms
local function act_on_schedule()
  local function due(at_ms) return at_ms > 0 and at_ms <= now_ms end
  local before = c.state == 'scheduled' or c.state == 'prequeue'
  if due(c.closes_at_ms) and c.state ~= 'closed' then
    enter_state('closed')
  elseif before and due(c.opens_at_ms) and restored() then
    enter_state('open')
  elseif c.state == 'scheduled' and due(c.prequeue_at_ms) then
    enter_state('prequeue')
  end
end

-- How long until a time that staff set; -1: none is ahead.
local function next_due_in_ms()
  local nearest = math.huge
  for _, at_ms in ipairs({ c.prequeue_at_ms, c.opens_at_ms, c.closes_at_ms }) do
    if at_ms > now_ms then nearest = math.min(nearest, at_ms - now_ms) end
  end
  return nearest == math.huge and -1 or nearest
end
