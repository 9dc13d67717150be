-- Gives each visitor a place: the one they have, or a new one at the end; with no crowd it calls them at once.
-- One place per visitor. No number above `numbers_reserved` is given out: what Postgres does not know is not told.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, outflow
-- KEYS throttle
-- ARGV now_ms:clock, rate:num, burst:num
-- RECORD visitor_id, address, draw, known_number:num, known_epoch:num
-- USES room, bucket, endings, turns, throttle, outflow, place_back
-- REPLY unknown | head, then for each record: prequeue|waiting|called|active number ahead deadline_ms new
-- REPLY (the same width) limited retry_after_ms|removed|not_open|closed|sold_out|numbers_exhausted|undrawn|restoring
if not read_room() then return { 'unknown' } end
settle_bucket()
local reply, at, admitted_before = head({}), 12, m.admitted
local free_places, removals = callable(), redis.call('SCARD', removed)
-- Nobody stands in a pre-queue, and everybody may join: then adding a visitor tells whether they were there already.
local straight = n.prequeue == 0 and (state == 'open' or state == 'paused')
local refusal = ({ scheduled = 'not_open', closed = 'closed', sold_out = 'sold_out' })[state]

local function new_place(visitor_id, draw)
  if refusal then return refusal end
  if state == 'prequeue' and c.method == 'lottery' then
    redis.call('ZADD', prequeue, draw, visitor_id)
    n.prequeue, m.joined = n.prequeue + 1, m.joined + 1
    return 'prequeue', 0, -1, 0, 1
  end
  if m.last_number >= m.numbers_reserved then return 'numbers_exhausted' end
  local number, at_once = m.last_number + 1, free_places > 0 and n.waiting + n.prequeue == 0
  local line = state == 'prequeue' and prequeue or waiting
  if not at_once and redis.call('ZADD', line, 'NX', number, visitor_id) == 0 then return find_in_line(visitor_id) end
  m.last_number, m.joined = number, m.joined + 1
  if state == 'prequeue' then
    n.prequeue = n.prequeue + 1
    return 'prequeue', number, -1, 0, 1
  elseif at_once then
    free_places, m.level, m.admitted = free_places - 1, m.level - 60000, m.admitted + 1
    m.serving_position = number
    return 'called', number, -1, call_in(visitor_id, number), 1
  end
  n.waiting = n.waiting + 1
  return 'waiting', number, n.waiting + n.prequeue - 1, 0, 1
end

for visitor_id, address, draw, known_number, known_epoch in records() do
  local wait_ms = address ~= '' and over_limit(throttle, address, rate, burst)
  local word, number, ahead, deadline_ms, new = 'limited', wait_ms or 0, nil, nil, nil
  if not wait_ms then
    word = removals > 0 and redis.call('SISMEMBER', removed, visitor_id) == 1 and 'removed' or nil
    if not word then word, number, ahead, deadline_ms = find_turn(visitor_id) end
    local look = not word and (known_number ~= -1 or not straight)
    if look then word, number, ahead, deadline_ms = find_in_line(visitor_id) end
    if not word then word, number, ahead, deadline_ms = place_back(visitor_id, draw, known_number, known_epoch) end
    if not word then word, number, ahead, deadline_ms, new = new_place(visitor_id, draw) end
  end
  reply[at + 1] = word; reply[at + 2] = number or 0; reply[at + 3] = ahead or -1
  reply[at + 4] = deadline_ms or 0; reply[at + 5] = new or 0
  at = at + 5
end
forget_allowances(throttle, 1000)
count_outflow(m.admitted - admitted_before)
save_meter()
return head(reply)
