-- Gives a session its whole length from now. Tokens with its earlier end remain valid (`submit.lua`).
-- NEEDS active, config, LEFT_ALONE_MS, now_ms, renewed
-- GIVES put_off
local function put_off(visitor_id, ends_ms)
  local later_ms = math.floor(now_ms / 1000) * 1000 + config.session_ttl_ms
  if later_ms <= ends_ms then return ends_ms end
  redis.call('HSETNX', renewed, visitor_id, ends_ms)
  redis.call('PEXPIRE', renewed, config.session_ttl_ms + LEFT_ALONE_MS)
  redis.call('ZADD', active, later_ms, visitor_id)
  return later_ms
end
