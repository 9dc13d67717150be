-- Ends what has expired, up to `limit` of each kind; drops endings after an hour. Returns true if more is
-- due.
-- NEEDS active, called, config, end_call, end_session, ended, endings, ENDINGS_TOLD_MS, now_ms, progress
-- NEEDS waiting
-- GIVES end_what_is_due
local function end_what_is_due(limit)
  local over_ms = math.min(now_ms, progress.sure_ms or now_ms, progress.frozen_ms or now_ms) -- see `is_over`
  local late = redis.call('ZRANGEBYSCORE', called, '-inf', over_ms, 'LIMIT', 0, limit)
  for i = 1, #late do end_call(late[i], 'no_show', 'no_shows') end
  local sessions = redis.call('ZRANGEBYSCORE', active, '-inf', now_ms, 'LIMIT', 0, limit)
  for i = 1, #sessions do end_session(sessions[i], 'expired') end
  local told = redis.call('ZRANGEBYSCORE', ended, '-inf', now_ms - ENDINGS_TOLD_MS, 'LIMIT', 0, limit)
  if #told > 0 then
    -- Kept for visitors who wait again: a turn they did not claim halves the window of their next one.
    local waits, over = config.state ~= 'closed' and redis.call('ZMSCORE', waiting, unpack(told)) or {}, {}
    for i, visitor_id in ipairs(told) do
      if waits[i] then redis.call('ZADD', ended, now_ms, visitor_id) else over[#over + 1] = visitor_id end
    end
    if #over > 0 then
      redis.call('ZREM', ended, unpack(over))
      redis.call('HDEL', endings, unpack(over))
    end
  end
  return math.max(#late, #sessions, #told) == limit
end
