-- How many submissions wait to be settled, in both streams.
-- NEEDS batched, submissions
-- GIVES backlog
local function backlog()
  local counted = redis.call('HMGET', batched, 'taken', 'settled')
  return redis.call('XLEN', submissions) + (counted[1] or 0) - (counted[2] or 0)
end
