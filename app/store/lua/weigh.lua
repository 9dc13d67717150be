-- Decides how newcomers may join, before they do: as anybody, as suspects, or not now. Whoever has a place
-- already keeps it and is not counted again; nor is who may not join.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, stock, newcomers
-- ARGV now_ms:clock
-- RECORD visitor_id, address
-- USES room, throttle
-- NEEDS BATCH, NEWCOMERS_MIN, VISITOR_ID_CHARS
-- REPLY unknown | weighed
-- EACH (word said)
-- EACH anybody|suspect|over
-- Of a suspect `said` is what their id ends in (`app/core/newcomers.py`), for `over` the ms to wait.
if not read_room() then return { 'unknown' } end
local each, lane = config.newcomers or 0, config.suspects or 0
local may_join = state ~= 'scheduled' and state ~= 'closed'

local function has_place(visitor_id)
  return redis.call('HEXISTS', turns, visitor_id) == 1 or redis.call('ZSCORE', waiting, visitor_id)
    or sizes.prequeue > 0 and redis.call('ZSCORE', prequeue, visitor_id)
end

local function weigh(visitor_id, address)
  if not may_join or has_place(visitor_id) then return 'anybody', '' end
  local may_be_suspect = lane > 0 and #visitor_id == VISITOR_ID_CHARS -- accounts are the same in each lane
  if may_be_suspect and has_place(visitor_id .. 'a' .. lane) then return 'suspect', 'a' .. lane end
  local wait_ms = address ~= '' and over_limit(newcomers, address, each / NEWCOMERS_MIN, each)
  if not wait_ms then return 'anybody', '' end
  if not may_be_suspect then return 'over', wait_ms end
  redis.call('HINCRBY', meter, 'suspects_a', 1)
  return 'suspect', 'a' .. lane
end

local reply = { 'weighed' }
for visitor_id, address in records() do
  reply[#reply + 1], reply[#reply + 2] = weigh(visitor_id, address)
end
forget_allowances(newcomers, BATCH)
return reply
