-- Calls the first `count` of the line, in the order of their numbers. While a draw goes on only numbers below the next
-- one to be drawn are complete, so only they may be called. Returns how many were.
local function call_first(count)
  local bound = n.prequeue > 0 and string.format('(%d', m.draw_next) or '+inf'
  local flat = count > 0 and redis.call('ZRANGEBYSCORE', waiting, '-inf', bound, 'WITHSCORES', 'LIMIT', 0, count) or {}
  if #flat == 0 then return 0 end
  local deadline_ms = now_ms + c.claim_window_ms
  for first = 1, #flat, 1000 do
    local last, deadlines = math.min(first + 999, #flat), {}
    for i = first, last, 2 do
      deadlines[#deadlines + 1] = deadline_ms
      deadlines[#deadlines + 1] = flat[i]
    end
    redis.call('ZADD', called, unpack(deadlines))
    redis.call('HSET', turns, unpack(flat, first, last))
  end
  local calls = #flat / 2
  redis.call('ZREMRANGEBYRANK', waiting, 0, calls - 1)
  n.waiting = n.waiting - calls
  n.called = n.called + calls
  m.level = m.level - calls * 60000
  m.admitted = m.admitted + calls
  m.serving_position = math.max(m.serving_position, tonumber(flat[#flat]))
  return calls
end
