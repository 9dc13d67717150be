-- Reads which rooms had work recently, the most recently marked first; changes nothing.
-- KEYS busy
-- ARGV now_ms:clock, within_ms:num, limit:num
-- EACH (room_id)
return redis.call('ZREVRANGEBYSCORE', busy, '+inf', now_ms - within_ms, 'LIMIT', 0, limit)
