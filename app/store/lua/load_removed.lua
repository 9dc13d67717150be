-- Loads the visitors whom staff removed. Removal is permanent, so this may run at any time; a restore runs it
-- first, before anybody can come back.
-- KEYS prequeue, waiting, called, active, turns, removed, networks
-- RECORD visitor_id
-- USES networks
-- REPLY loaded
for visitor_id in records() do
  redis.call('SADD', removed, visitor_id)
  redis.call('ZREM', prequeue, visitor_id)
  redis.call('ZREM', waiting, visitor_id)
  if redis.call('ZREM', called, visitor_id) == 1 then count_unclaimed(visitor_id, -1) end
  forget_network(visitor_id)
  redis.call('ZREM', active, visitor_id)
  redis.call('HDEL', turns, visitor_id)
end
return { 'loaded' }
