-- Ends a session, and records how a place ended and its number, for as long as endings are reported.
-- NEEDS active, buyers, ended, endings, now_ms, renewed, turns
-- GIVES record_ending, close_session
local function record_ending(visitor_id, word, number)
  redis.call('ZADD', ended, now_ms, visitor_id)
  redis.call('HSET', endings, visitor_id, word .. '|' .. string.format('%.0f', number))
end
local function close_session(visitor_id, word)
  local number = redis.call('HGET', turns, visitor_id) or 0
  redis.call('ZREM', active, visitor_id)
  redis.call('HDEL', turns, visitor_id)
  redis.call('HDEL', renewed, visitor_id)
  redis.call('SREM', buyers, visitor_id)
  record_ending(visitor_id, word, number)
end
