-- Sessions that end early: their passes must stop being valid at once, in every web process. Call
-- `note_early_end` for each before it ends (it returns whether the session was live), then `tell_early_ends`
-- once. An entry is visitor_id number ended_ms, kept until the last pass has expired.
-- NEEDS active, BATCH, early_ends, EARLY_ENDS_KEPT_MS, ended_channel, now_ms, turns
-- GIVES note_early_end, tell_early_ends
local ended_early = {}
local function note_early_end(visitor_id)
  local until_ms, number = redis.call('ZSCORE', active, visitor_id), redis.call('HGET', turns, visitor_id)
  if not until_ms or not number then return false end
  ended_early[#ended_early + 1] = until_ms
  ended_early[#ended_early + 1] = table.concat({ visitor_id, number, string.format('%.0f', now_ms) }, ' ')
  return true
end
local function tell_early_ends()
  if #ended_early == 0 then return end
  redis.call('ZREMRANGEBYSCORE', early_ends, '-inf', now_ms)
  local message = {}
  for first = 1, #ended_early, BATCH do
    redis.call('ZADD', early_ends, unpack(ended_early, first, math.min(first + BATCH - 1, #ended_early)))
  end
  for i = 1, #ended_early, 2 do message[#message + 1] = ended_early[i + 1] .. ' ' .. ended_early[i] end
  redis.call('PEXPIRE', early_ends, EARLY_ENDS_KEPT_MS)
  redis.call('PUBLISH', ended_channel, table.concat(message, '\n'))
end
