-- Gives visitors numbers of a part's round, in the order in which they arrive. A visitor who joined before
-- gets the same number, unless it is known to have ended (it is not above `again`). A part that may have
-- forgotten visitors gives numbers only to those whom the room was `asked` about.
-- KEYS part, arrivals, throttle
-- ARGV now_ms:clock, rate:num, burst:num, parts:num
-- RECORD visitor_id, address, again:num, asked:num
-- USES loaded, throttle
-- NEEDS BATCH
-- REPLY unknown | (epoch round)
-- EACH (word number)
-- EACH new|known|before|forgotten|limited|exhausted
-- before: known from an earlier epoch. For limited, number is how long to wait before asking again, in ms.
local it = redis.call('HMGET', part, 'run_id', 'epoch', 'round', 'next', 'past', 'before', 'whole')
if not is_loaded(it[1]) then return { 'unknown' } end
local next_number, past, before = tonumber(it[4]), tonumber(it[5]), tonumber(it[6])
local reply, at, began_at = { tonumber(it[2]), tonumber(it[3]) }, 2, next_number
local whole = it[7] == '1'
for visitor_id, address, again, asked in records() do
  local wait_ms = address ~= '' and over_limit(throttle, address, rate, burst)
  local word, number = 'exhausted', 0
  if wait_ms then
    word, number = 'limited', wait_ms
  elseif next_number < past and again == 0 and (whole or asked == 1)
    and redis.call('ZADD', arrivals, 'NX', next_number, visitor_id) == 1 then
    word, number, next_number = 'new', next_number, next_number + parts
  else
    local known = tonumber(redis.call('ZSCORE', arrivals, visitor_id))
    if known and known > again then
      word, number = known > before and 'known' or 'before', known
    elseif not (known or whole or asked == 1) then
      word = 'forgotten'
    elseif next_number < past then
      redis.call('ZADD', arrivals, next_number, visitor_id)
      word, number, next_number = 'new', next_number, next_number + parts
    end
  end
  reply[at + 1], reply[at + 2], at = word, number, at + 2
end
if next_number > began_at then redis.call('HSET', part, 'next', next_number) end
forget_allowances(throttle, BATCH)
return reply
