-- Admits visitors at the gate without a queue page: joins and claims in one step where a join would call the
-- visitor at once, and claims for visitors already called. Nothing changes for anybody else: they go to the
-- queue page and join there. Only admitted visitors count for the throttle; quantity 0 admits nobody new.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, outflow
-- KEYS throttle, wanted, networks, renewed, visitor_events, log
-- ARGV now_ms:clock, rate:num, burst:num
-- RECORD visitor_id, address, draw, known_number:num, known_epoch:num, known_quantity:num, quantity:num
-- RECORD returns:num
-- USES answer, at_once, bucket, lanes, members, outflow, room, room_log, room_now, throttle, turns
-- USES visitor_events
-- NEEDS BATCH, HEAD
-- REPLY unknown | (head)
-- EACH (word number ahead deadline_ms new quantity)
-- EACH active | crowd|limited|removed|restoring|numbers_exhausted
-- For active, new is 2 if there was no turn before. For limited, number is the ms to wait before asking
-- again.
if not read_room() then return { 'unknown' } end
settle_bucket()
local reply, at, admitted_before = head({}), HEAD, progress.admitted
open_at_once()

local function let_in(visitor_id, address, newcomer)
  if redis.call('SISMEMBER', removed, visitor_id) == 1 then return 'removed' end
  local word, number, ahead, deadline_ms = find_turn(visitor_id)
  -- Their session may not be loaded yet.
  if word == 'called' and config.restoring == 1 then return 'restoring' end
  if word == 'called' then return 'active', number, -1, claim_turn(visitor_id), 1 end
  if word then return word, number, ahead, deadline_ms end
  if not newcomer or is_kept_out(visitor_id) or not may_be_called(1) then return 'crowd' end
  if progress.last_number >= progress.numbers_reserved then return 'numbers_exhausted' end
  local wait_ms = address ~= '' and over_limit(throttle, address, rate, burst)
  if wait_ms then return 'limited', wait_ms end
  progress.last_number, progress.joined = progress.last_number + 1, progress.joined + 1
  take_call(visitor_id, progress.last_number)
  redis.call('HSET', turns, visitor_id, progress.last_number)
  tell_of_visitor('joined', visitor_id)
  local lane = lane_of(visitor_id)
  note(string.format('called %.0f %s', progress.last_number, visitor_id) .. (lane > 0 and ' ' .. lane or ''))
  return 'active', progress.last_number, -1, begin_session(visitor_id), 2
end

for visitor_id, address, _, _, _, _, quantity in records() do
  at = answer(reply, at, visitor_id, let_in(visitor_id, address, quantity > 0))
end
forget_allowances(throttle, BATCH)
count_outflow(progress.admitted - admitted_before)
if progress.changed or progress.admitted > admitted_before then save_meter() end
write_log()
return head(reply)
