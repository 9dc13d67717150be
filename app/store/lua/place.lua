-- Tells each visitor where they stand, exactly, or how their place ended. Moves nobody forward: polling gains nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, polls
-- ARGV now_ms:clock, rate:num, burst:num
-- RECORD visitor_id, draw, known_number:num, known_epoch:num
-- USES room, bucket, endings, turns, throttle, place_back, standing
-- REPLY unknown | head, then for each record: prequeue|waiting|called|active number ahead deadline_ms new(0)
-- REPLY (the same width) done|expired|no_show|left|removed number | limited retry_after_ms | undrawn | absent
if not read_room() then return { 'unknown' } end
local reply, at = head({}), 12
for visitor_id, draw, known_number, known_epoch in records() do
  local word, number, ahead, deadline_ms = standing(visitor_id, draw, known_number, known_epoch)
  reply[at + 1] = word; reply[at + 2] = number or 0; reply[at + 3] = ahead or -1
  reply[at + 4] = deadline_ms or 0; reply[at + 5] = 0
  at = at + 5
end
forget_allowances(polls, 1000)
if m.changed then save_meter() end
return head(reply)
