-- Loads the visitors staff removed into a room that is being restored.
-- KEYS conf, prequeue, waiting, called, active, turns, removed
-- ARGV epoch
-- RECORD visitor_id
-- REPLY superseded | loaded
local room = redis.call('HMGET', conf, 'epoch', 'restoring')
if room[1] ~= epoch or room[2] ~= '1' then return { 'superseded' } end
for visitor_id in records() do
  redis.call('SADD', removed, visitor_id)
  redis.call('ZREM', prequeue, visitor_id)
  redis.call('ZREM', waiting, visitor_id)
  redis.call('ZREM', called, visitor_id)
  redis.call('ZREM', active, visitor_id)
  redis.call('HDEL', turns, visitor_id)
end
return { 'loaded' }
