-- Starts the session of each called visitor; claiming again returns the same session with the same end.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, polls
-- KEYS wanted, networks, renewed, visitor_events, log
-- ARGV now_ms:clock, rate:num, burst:num, away_ms:num
-- RECORD visitor_id, draw, known_number:num, known_epoch:num, known_quantity:num, quantity:num
-- USES answer, freezing, room, room_log, room_now, standing, throttle, turns
-- NEEDS BATCH, HEAD
-- REPLY unknown | (head)
-- EACH (word number ahead deadline_ms new quantity)
-- EACH prequeue|waiting|active | done|expired|no_show|left|removed | limited
-- EACH unchecked|undrawn|no_draw|absent|restoring|away
-- For limited, number is how long to wait before asking again, in ms.
if not read_room() then return { 'unknown' } end
local reply, at = head({}), HEAD
-- Postgres has not answered the caller for `away_ms`, so the session could not be stored. Claim windows pause
-- then, whether the workers have noticed or not.
if away_ms > 0 and sizes.called > 0 then freeze(now_ms - away_ms) end
for visitor_id, draw, known_number, known_epoch, known_quantity in records() do
  local word, number, ahead, deadline_ms, new = 'restoring', nil, nil, nil, nil
  if config.restoring == 0 then
    word, number, ahead, deadline_ms = standing(visitor_id, draw, known_number, known_epoch, known_quantity)
  end
  if word == 'called' and progress.frozen_ms then
    word = 'away'
  elseif word == 'called' then
    word, deadline_ms, new = 'active', claim_turn(visitor_id), 1
  end
  at = answer(reply, at, visitor_id, word, number, ahead, deadline_ms, new)
end
forget_allowances(polls, BATCH)
if progress.changed then save_meter() end
write_log()
return head(reply)
