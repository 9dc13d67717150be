-- Loads from Postgres how the places of returning visitors ended, after a restore; a later ending in Redis is
-- kept. Like any ending, each is kept for an hour and then looked up again.
-- KEYS conf, ended, endings
-- ARGV now_ms:clock
-- RECORD visitor_id, word, number:num
-- REPLY unknown|loaded
if redis.call('EXISTS', conf) == 0 then return { 'unknown' } end
for visitor_id, word, number in records() do
  if number >= tonumber(string.match(redis.call('HGET', endings, visitor_id) or '', '%d+$') or 0) then
    redis.call('ZADD', ended, now_ms, visitor_id)
    redis.call('HSET', endings, visitor_id, word .. '|' .. string.format('%d', number))
  end
end
return { 'loaded' }
