-- Notes that there is work for these rooms, as of now. Only so many are kept, those marked last.
-- KEYS busy
-- ARGV now_ms:clock, rooms_max:num
-- RECORD room_id
-- REPLY marked
for room_id in records() do redis.call('ZADD', busy, 'GT', now_ms, room_id) end
redis.call('ZREMRANGEBYRANK', busy, 0, -rooms_max - 1)
return { 'marked' }
