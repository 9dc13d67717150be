-- Loads the visitors staff removed. They are removed for ever, so this is right at any time, and comes first when a room
-- is restored: before anybody can come back.
-- KEYS prequeue, waiting, called, active, turns, removed
-- RECORD visitor_id
-- REPLY loaded
for visitor_id in records() do
  redis.call('SADD', removed, visitor_id)
  redis.call('ZREM', prequeue, visitor_id)
  redis.call('ZREM', waiting, visitor_id)
  redis.call('ZREM', called, visitor_id)
  redis.call('ZREM', active, visitor_id)
  redis.call('HDEL', turns, visitor_id)
end
return { 'loaded' }
