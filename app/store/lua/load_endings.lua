-- Loads from Postgres how places of visitors ended who come back after the room was restored; a later ending
-- that is here stays. As any ending they are told for an hour, then looked up again.
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
