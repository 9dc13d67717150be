-- Gives each visitor a place: the one they have, or a new one at the end of the queue (sold out: if they want
-- to be in the returns queue); without a crowd they are called at once. One place per visitor. No number
-- above `numbers_reserved` is issued: a number is told only when Postgres has reserved it.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, outflow
-- KEYS throttle, wanted, networks, renewed, visitor_events, log
-- ARGV now_ms:clock, rate:num, burst:num, away:num
-- RECORD visitor_id, address, draw, known_number:num, known_epoch:num, known_quantity:num, quantity:num
-- RECORD returns:num
-- USES answer, at_once, bucket, in_line, lanes, members, network_limit, networks, outflow, place_back, room
-- USES room_log, room_now, throttle, transit, turns, visitor_events, wanted
-- NEEDS BATCH, HEAD
-- REPLY unknown | (head)
-- EACH (word number ahead deadline_ms new quantity)
-- EACH prequeue|waiting|called|active | limited | removed|not_open|closed|sold_out|numbers_exhausted
-- EACH unchecked|undrawn|no_draw|restoring|too_many|members_only | elsewhere
-- elsewhere: in a room in parts, the parts give out new places (`arrive.lua`).
-- For limited, number is how long to wait before asking again, in ms.
if not read_room() then return { 'unknown' } end
settle_bucket()
local reply, at, admitted_before = head({}), HEAD, progress.admitted
local removals = redis.call('SCARD', removed)
if away == 0 then open_at_once() end
-- The pre-queue is empty and everybody may join: then ZADD itself says whether a visitor was there already.
local straight = not config.parts and sizes.prequeue == 0 and (state == 'open' or state == 'paused')
local refusal = ({ scheduled = 'not_open', closed = 'closed', sold_out = 'sold_out' })[state]
local lottery = config.method == 'lottery'

local function new_place(visitor_id, address, draw, quantity, returns)
  if refusal and not (refusal == 'sold_out' and returns == 1) then return refusal end
  if is_kept_out(visitor_id) then
    local word, number, ahead, deadline_ms = find_in_line(visitor_id)
    return word or 'members_only', number, ahead, deadline_ms
  end
  if address ~= '' then note_network(visitor_id, address) end
  if config.parts then return 'elsewhere' end
  if state == 'prequeue' and lottery and draw == '' then return 'no_draw' end
  if state == 'prequeue' and lottery then
    redis.call('ZADD', prequeue, draw, visitor_id)
    sizes.prequeue, progress.joined = sizes.prequeue + 1, progress.joined + 1
    tell_of_visitor('joined', visitor_id, 0)
    return 'prequeue', 0, -1, 0, 1
  end
  if progress.last_number >= progress.numbers_reserved then return 'numbers_exhausted' end
  local at_once = may_be_called(quantity) and not network_is_full(network_of(visitor_id))
  local number, line = progress.last_number + 1, state == 'prequeue' and prequeue or waiting
  if not at_once and redis.call('ZADD', line, 'NX', score_of(visitor_id, number), visitor_id) == 0 then
    return find_in_line(visitor_id)
  end
  progress.last_number, progress.joined = number, progress.joined + 1
  tell_of_visitor('joined', visitor_id, number)
  if state == 'prequeue' then
    sizes.prequeue = sizes.prequeue + 1
    return 'prequeue', number, -1, 0, 1
  elseif at_once then
    take_call(visitor_id, number)
    want(visitor_id, quantity)
    return 'called', number, -1, call_in(visitor_id, number), 1
  end
  sizes.waiting = sizes.waiting + 1
  local ahead = sizes.waiting + sizes.prequeue - 1
  if config.lanes then
    local _, _, of_lane = find_in_line(visitor_id)
    ahead = of_lane
  end
  return 'waiting', number, ahead, 0, 1
end

local function place_of(
  visitor_id, address, draw, known_number, known_epoch, known_quantity, quantity, returns)
  local wait_ms = address ~= '' and over_limit(throttle, address, rate, burst)
  if wait_ms then return 'limited', wait_ms end
  if removals > 0 and redis.call('SISMEMBER', removed, visitor_id) == 1 then return 'removed' end
  if quantity > 1 and quantity > config.max_tickets then return 'too_many' end
  local word, number, ahead, deadline_ms, new = find_turn(visitor_id)
  if not word and (known_number ~= -1 or not straight) then
    word, number, ahead, deadline_ms = find_in_line(visitor_id)
  end
  if not word then
    word, number, ahead, deadline_ms = in_transit(visitor_id, known_number, known_epoch)
  end
  if not word then
    word, number, ahead, deadline_ms = place_back(visitor_id, draw, known_number, known_epoch, known_quantity)
  end
  if not word then
    word, number, ahead, deadline_ms, new = new_place(
      visitor_id, address, draw, math.max(1, quantity), returns)
  end
  if quantity > 0 and (word == 'waiting' or word == 'prequeue') then want(visitor_id, quantity) end
  return word, number, ahead, deadline_ms, new
end

for visitor_id, address, draw, known_number, known_epoch, known_quantity, quantity, returns in records() do
  at = answer(reply, at, visitor_id,
    place_of(visitor_id, address, draw, known_number, known_epoch, known_quantity, quantity, returns))
end
forget_allowances(throttle, BATCH)
count_outflow(progress.admitted - admitted_before)
save_meter()
write_log()
return head(reply)
