-- Marks these rooms as having work. Only the most recently marked are kept, up to a limit.
-- KEYS busy
-- ARGV now_ms:clock, rooms_max:num
-- RECORD room_id
-- REPLY marked
for room_id in records() do redis.call('ZADD', busy, 'GT', now_ms, room_id) end
redis.call('ZREMRANGEBYRANK', busy, 0, -rooms_max - 1)
return { 'marked' }
