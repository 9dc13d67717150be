-- Loads claimed turns from Postgres into a room that is being restored: live sessions, and endings that are
-- still reported, with the number that ended; a later number of the same visitor stays valid. A live session
-- takes precedence over a place its visitor was given since; an ended one does not.
-- KEYS conf, waiting, called, active, turns, ended, endings, wanted, early_ends, networks, renewed
-- ARGV now_ms:clock, epoch
-- RECORD visitor_id, number:num, expires_ms:num, ended_ms:num, began_ms:num
-- USES networks, wanted
-- NEEDS EARLY_ENDS_KEPT_MS, LANE_BAND, LEFT_ALONE_MS
-- REPLY superseded|loaded
local room = redis.call('HMGET', conf, 'epoch', 'restoring', 'session_ttl_ms')
if room[1] ~= epoch or room[2] ~= '1' then return { 'superseded' } end
local ttl_ms = tonumber(room[3] or 0)
for visitor_id, number, expires_ms, ended_ms, began_ms in records() do
  local lasts = ended_ms == 0 and expires_ms > now_ms
  local place = redis.call('HGET', turns, visitor_id) or redis.call('ZSCORE', waiting, visitor_id)
  if lasts or (place and tonumber(place) % LANE_BAND <= number) then
    redis.call('ZREM', waiting, visitor_id)
    if redis.call('ZREM', called, visitor_id) == 1 then count_unclaimed(visitor_id, -1) end
    forget_network(visitor_id)
    forget_wanted(visitor_id, redis.call('ZREM', active, visitor_id) == 1)
    redis.call('HDEL', turns, visitor_id)
  end
  if ended_ms > 0 and expires_ms > now_ms then -- in the format of `include/early_ends.lua`
    redis.call('ZADD', early_ends, expires_ms, string.format('%s %.0f %.0f', visitor_id, number, ended_ms))
    redis.call('PEXPIRE', early_ends, EARLY_ENDS_KEPT_MS)
  end
  if lasts then
    redis.call('ZADD', active, expires_ms, visitor_id)
    redis.call('HSET', turns, visitor_id, number)
    if began_ms > 0 and expires_ms > began_ms + ttl_ms + 2000 then -- it was renewed: noted as in `renew.lua`
      redis.call('HSET', renewed, visitor_id, began_ms)
      redis.call('PEXPIRE', renewed, ttl_ms + LEFT_ALONE_MS)
    end
  elseif number >= tonumber(string.match(redis.call('HGET', endings, visitor_id) or '', '%d+$') or 0) then
    redis.call('ZADD', ended, ended_ms > 0 and ended_ms or expires_ms, visitor_id)
    local word = ended_ms > 0 and 'done|' or 'expired|'
    redis.call('HSET', endings, visitor_id, word .. string.format('%d', number))
  end
end
return { 'loaded' }
