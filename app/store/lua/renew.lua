-- Renews sessions to their whole length from now, but not beyond `limit_ms` (0: no limit). An end is never
-- moved to an earlier time.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, stock, renewed
-- ARGV now_ms:clock
-- RECORD visitor_id, number:num, limit_ms:num
-- USES room
-- NEEDS LEFT_ALONE_MS
-- REPLY unknown|restoring|renewed
-- EACH (end_ms)
-- An end of 0 means that the session is over.
if not read_room() then return { 'unknown' } end
if config.restoring == 1 then return { 'restoring' } end -- the session may not be loaded yet
local reply = { 'renewed' }
for visitor_id, number, limit_ms in records() do
  local ends_ms = tonumber(redis.call('ZSCORE', active, visitor_id) or 0)
  if tonumber(redis.call('HGET', turns, visitor_id) or 0) ~= number or ends_ms <= now_ms then
    ends_ms = 0
  else
    local later_ms = now_ms + config.session_ttl_ms
    if limit_ms > 0 then later_ms = math.min(later_ms, limit_ms) end
    later_ms = math.floor(later_ms / 1000) * 1000
    if later_ms > ends_ms then
      redis.call('HSETNX', renewed, visitor_id, ends_ms) -- tokens issued before still belong to this session
      ends_ms = later_ms
      redis.call('ZADD', active, ends_ms, visitor_id)
    end
  end
  reply[#reply + 1] = ends_ms
end
if redis.call('EXISTS', renewed) == 1 then
  redis.call('PEXPIRE', renewed, config.session_ttl_ms + LEFT_ALONE_MS)
end
return reply
