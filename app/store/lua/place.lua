-- Tells each visitor their exact position, or how their place ended. Asking moves nobody forward, so polling
-- gains nothing. A quantity (not 0) replaces the number of tickets the visitor wants, while they wait.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, polls
-- KEYS wanted, networks, renewed, visitor_events, log
-- ARGV now_ms:clock, rate:num, burst:num
-- RECORD visitor_id, draw, known_number:num, known_epoch:num, known_quantity:num, quantity:num
-- USES answer, room, room_log, room_now, standing, throttle, wanted
-- NEEDS BATCH, HEAD
-- REPLY unknown | (head)
-- EACH (word number ahead deadline_ms new quantity)
-- EACH prequeue|waiting|called|active | done|expired|no_show|left|removed | limited
-- EACH unchecked|undrawn|no_draw|absent|too_many|restoring
-- For limited, number is how long to wait before asking again, in ms.
if not read_room() then return { 'unknown' } end
local reply, at = head({}), HEAD
for visitor_id, draw, known_number, known_epoch, known_quantity, quantity in records() do
  local word, number, ahead, deadline_ms =
    standing(visitor_id, draw, known_number, known_epoch, known_quantity)
  if quantity > 0 and (word == 'waiting' or word == 'prequeue') then
    if quantity > math.max(1, config.max_tickets) then word = 'too_many' else want(visitor_id, quantity) end
  end
  at = answer(reply, at, visitor_id, word, number, ahead, deadline_ms)
end
forget_allowances(polls, BATCH)
if progress.changed then save_meter() end
write_log()
return head(reply)
