-- Decides how newcomers may join, before they do: normally, as suspects, or not now. A visitor with a place
-- keeps it and is not counted again; refused ones are not counted either. A proof of work can be used once.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, stock, newcomers, solved
-- ARGV now_ms:clock
-- RECORD visitor_id, address, cost:num, solution, slower:num, captcha, identity
-- USES room, throttle
-- NEEDS BATCH, MINUTE_MS, NEWCOMERS_MIN, NEWCOMERS_USUAL, SOLVED_MAX, VISITOR_ID_CHARS, WORK_TIMES_MAX
-- NEEDS WORK_TTL_MS
-- REPLY unknown | weighed
-- EACH (word said)
-- EACH anybody|suspect|over|work|captcha|identity
-- For suspect `said` is the suffix of their id (`app/core/waiting_room/newcomers.py`), for `over` the ms to
-- wait, for `work` the cost of the required proof. `captcha`: solved, missing, or unknown.
-- `identity`: shown or missing.
if not read_room() then return { 'unknown' } end
local each, lane, work = config.newcomers or 0, config.suspects or 0, config.work or 0
local may_join = state ~= 'scheduled' and state ~= 'closed'

local function has_place(visitor_id)
  return redis.call('HEXISTS', turns, visitor_id) == 1 or redis.call('ZSCORE', waiting, visitor_id)
    or sizes.prequeue > 0 and redis.call('ZSCORE', prequeue, visitor_id)
end

-- What makes work harder: how many came from this address lately, counted in shares of newcomers.
local share = each > 0 and each or NEWCOMERS_USUAL
local step_ms, most_ms = NEWCOMERS_MIN * MINUTE_MS / share, WORK_TIMES_MAX * NEWCOMERS_MIN * MINUTE_MS
local function lately_ms(address)
  local until_ms = tonumber(redis.call('ZSCORE', newcomers, '~' .. address) or now_ms)
  return math.min(math.max(until_ms - now_ms, 0), most_ms)
end
local function cost_for(address)
  local times = 1 + math.floor(lately_ms(address) / step_ms / share + 0.000001)
  return work * math.min(times, WORK_TIMES_MAX)
end
local function count(address, solution)
  if work == 0 then return end
  if address ~= '' then
    redis.call('ZADD', newcomers, now_ms + math.min(lately_ms(address) + step_ms, most_ms), '~' .. address)
  end
  if solution == '' then return end
  redis.call('ZADD', solved, now_ms + WORK_TTL_MS, solution)
  if redis.call('ZCARD', solved) > SOLVED_MAX then redis.call('ZPOPMIN', solved) end
end

local function weigh(visitor_id, address, cost, solution, slower, captcha, identity)
  if not may_join or has_place(visitor_id) then return 'anybody', '' end
  -- accounts' ids are the same in each lane
  local may_be_suspect = lane > 0 and #visitor_id == VISITOR_ID_CHARS
  for _, letter in ipairs({ 'a', 'w', 'c', 'i' }) do
    local ending = letter .. lane
    if may_be_suspect and has_place(visitor_id .. ending) then return 'suspect', ending end
  end
  local needed = cost_for(address)
  -- Others of the address may have joined while this one computed, so half of the cost suffices.
  local proven = 2 * cost >= needed and (work == 0 or not redis.call('ZSCORE', solved, solution))
  local letter = nil
  if identity == 'missing' then
    if not may_be_suspect or slower == 0 then return 'identity', '' end
    letter = 'i'
  elseif not proven then
    if not may_be_suspect or slower == 0 then return 'work', needed end
    letter = 'w'
  elseif captcha == 'missing' then
    if not may_be_suspect or slower == 0 then return 'captcha', '' end
    letter = 'c'
  else
    local wait_ms = each > 0 and address ~= '' and over_limit(newcomers, address, each / NEWCOMERS_MIN, each)
    if wait_ms and not may_be_suspect then return 'over', wait_ms end
    letter = wait_ms and 'a' or captcha == 'unknown' and may_be_suspect and 'c' or nil
  end
  count(address, proven and solution or '')
  if not letter then return 'anybody', '' end
  redis.call('HINCRBY', meter, 'suspects_' .. letter, 1)
  return 'suspect', letter .. lane
end

local reply = { 'weighed' }
for visitor_id, address, cost, solution, slower, captcha, identity in records() do
  local word, said = weigh(visitor_id, address, cost, solution, slower, captcha, identity)
  reply[#reply + 1], reply[#reply + 2] = word, said
end
forget_allowances(newcomers, 2 * BATCH)
forget_allowances(solved, BATCH)
return reply
