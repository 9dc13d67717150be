-- Limits how often a visitor or a network reserves, pays and cancels. Every call counts, even one without
-- effect. Read and written once for the whole batch; kept for an hour after the last call.
-- NEEDS BATCH, forget_allowances, LEFT_ALONE_MS, network_burst, network_rate, spend, turnover, visitor_burst
-- NEEDS visitor_rate
-- GIVES read_turnover, too_often, write_turnover
local whole_at, spent = {}, {}
local function read_turnover(visitors, from)
  if visitor_rate + network_rate == 0 or #visitors == 0 then return end
  local members = {}
  for i, visitor_id in ipairs(visitors) do
    members[#members + 1] = visitor_id
    if from[i] ~= '' then members[#members + 1] = ':' .. from[i] end
  end
  for first = 1, #members, BATCH do
    local last = math.min(first + BATCH - 1, #members)
    for i, whole_ms in ipairs(redis.call('ZMSCORE', turnover, unpack(members, first, last))) do
      whole_at[members[first + i - 1]] = whole_ms
    end
  end
end
local function wait_of(member, rate_per_minute, burst)
  if rate_per_minute == 0 then return nil end
  local whole_ms, wait_ms = spend(whole_at[member] or nil, rate_per_minute, burst)
  if whole_ms then whole_at[member], spent[member] = whole_ms, true end
  return wait_ms
end
-- A word and its detail; nothing if the call is allowed.
local function too_often(visitor_id, network)
  local wait_ms = wait_of(visitor_id, visitor_rate, visitor_burst)
  if wait_ms then return 'limited', 'visitor:' .. wait_ms end
  wait_ms = network ~= '' and wait_of(':' .. network, network_rate, network_burst)
  if wait_ms then return 'limited', 'network:' .. wait_ms end
end
local function write_turnover()
  if visitor_rate + network_rate == 0 then return end
  local flat = {}
  for member in pairs(spent) do flat[#flat + 1], flat[#flat + 2] = whole_at[member], member end
  for first = 1, #flat, BATCH do
    redis.call('ZADD', turnover, unpack(flat, first, math.min(first + BATCH - 1, #flat)))
  end
  forget_allowances(turnover, 2 * BATCH)
  redis.call('PEXPIRE', turnover, LEFT_ALONE_MS)
end
