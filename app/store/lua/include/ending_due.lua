-- Ends what has run out, at most `limit` of each kind, and forgets endings after an hour. True: more is due. A call is
-- over when Postgres has answered after its deadline: until then it may be Postgres that kept the visitor from claiming.
local function end_what_is_due(limit, silent_ms)
  local unclaimed = redis.call('ZRANGEBYSCORE', called, '-inf', now_ms - silent_ms, 'LIMIT', 0, limit)
  for i = 1, #unclaimed do end_call(unclaimed[i], 'no_show', 'no_shows') end
  local over = redis.call('ZRANGEBYSCORE', active, '-inf', now_ms, 'LIMIT', 0, limit)
  for i = 1, #over do end_session(over[i], 'expired') end
  local told = redis.call('ZRANGEBYSCORE', ended, '-inf', now_ms - 3600000, 'LIMIT', 0, limit)
  if #told > 0 then
    redis.call('ZREM', ended, unpack(told))
    redis.call('HDEL', endings, unpack(told))
  end
  return math.max(#unclaimed, #over, #told) == limit
end
