-- Stores a health report from a server of the shop, unless it has sent a newer one. When there are too many
-- servers, the one silent for longest is forgotten.
-- KEYS origin
-- ARGV now_ms:clock, server, said_ms:num, reading, servers_max:num, ttl_ms:num
-- NEEDS MINUTE_MS
-- REPLY counted | older
local field, before_ms = 'server:' .. server, 0
if said_ms == 0 then said_ms = now_ms end
local before = redis.call('HGET', origin, field)
if before then before_ms = tonumber(before:match('^%d+')) end
-- Reports this far in the future are never accepted: the clock has been set back since.
if said_ms <= before_ms and before_ms <= now_ms + MINUTE_MS then return { 'older' } end
if not before then
  local all, count, silent, silent_ms = redis.call('HGETALL', origin), 0, nil, nil
  for i = 1, #all, 2 do
    local came_ms = all[i]:sub(1, 7) == 'server:' and tonumber(all[i + 1]:match('^%d+ (%d+)'))
    if came_ms then
      count = count + 1
      if not silent or came_ms < silent_ms then silent, silent_ms = all[i], came_ms end
    end
  end
  if count >= servers_max then redis.call('HDEL', origin, silent) end
end
redis.call('HSET', origin, field, string.format('%.0f %.0f ', said_ms, now_ms) .. reading)
redis.call('PEXPIRE', origin, ttl_ms)
return { 'counted' }
