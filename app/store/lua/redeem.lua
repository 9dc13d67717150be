-- Redeems a hand-over ticket of the gate, once; it is valid while its session lasts.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, stock, tickets
-- ARGV now_ms:clock, ticket_id, visitor_id, number:num, ttl_ms:num
-- USES room
-- REPLY unknown|used|ended | active (deadline_ms)
if not read_room() then return { 'unknown' } end
redis.call('ZREMRANGEBYSCORE', tickets, '-inf', now_ms)
local new = redis.call('ZADD', tickets, 'NX', now_ms + ttl_ms, ticket_id) == 1
redis.call('PEXPIRE', tickets, ttl_ms)
if not new then return { 'used' } end
local deadline_ms = tonumber(redis.call('ZSCORE', active, visitor_id) or 0)
local its_number = tonumber(redis.call('HGET', turns, visitor_id) or 0)
if its_number ~= number or deadline_ms <= now_ms then return { 'ended' } end
return { 'active', deadline_ms }
