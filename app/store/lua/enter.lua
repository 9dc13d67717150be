-- Lets visitors in unseen, at the gate: joins and claims at once for whom a join would call at once, and
-- claims for whoever was called. For anybody else nothing changes: they go to the queue page and join there.
-- The throttle counts who is let in. Nobody is let in anew with a quantity of 0.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, outflow
-- KEYS throttle, wanted, networks, renewed
-- ARGV now_ms:clock, rate:num, burst:num
-- RECORD visitor_id, address, draw, known_number:num, known_epoch:num, known_quantity:num, quantity:num
-- USES answer, at_once, bucket, outflow, room, room_now, throttle, turns
-- NEEDS BATCH
-- REPLY unknown | head, then for each record: active number ahead(-1) deadline_ms new (2: no turn) quantity
-- REPLY (the same width) crowd | limited retry_after_ms | removed | restoring | numbers_exhausted
if not read_room() then return { 'unknown' } end
settle_bucket()
local reply, at, admitted_before = head({}), HEAD, m.admitted
open_at_once()

local function let_in(visitor_id, address, newcomer)
  if redis.call('SISMEMBER', removed, visitor_id) == 1 then return 'removed' end
  local word, number, ahead, deadline_ms = find_turn(visitor_id)
  -- They may have a session that is not loaded yet.
  if word == 'called' and c.restoring == 1 then return 'restoring' end
  if word == 'called' then return 'active', number, -1, claim_turn(visitor_id), 1 end
  if word then return word, number, ahead, deadline_ms end
  if not newcomer or not may_be_called(1) then return 'crowd' end
  if m.last_number >= m.numbers_reserved then return 'numbers_exhausted' end
  local wait_ms = address ~= '' and over_limit(throttle, address, rate, burst)
  if wait_ms then return 'limited', wait_ms end
  m.last_number, m.joined = m.last_number + 1, m.joined + 1
  take_call(m.last_number)
  redis.call('HSET', turns, visitor_id, m.last_number)
  return 'active', m.last_number, -1, begin_session(visitor_id), 2
end

for visitor_id, address, _, _, _, _, quantity in records() do
  at = answer(reply, at, visitor_id, let_in(visitor_id, address, quantity > 0))
end
forget_allowances(throttle, BATCH)
count_outflow(m.admitted - admitted_before)
if m.changed or m.admitted > admitted_before then save_meter() end
return head(reply)
