-- Loads reservations from Postgres into a room that is being restored: live ones (entry) with their stock,
-- seats and allowance, and recent ones (outcome), so that a repeated request gets the same answer. Each is
-- loaded once.
-- KEYS conf, stock, holds, allowance, buyers, active, outcomes, seats, sitters, codes
-- ARGV epoch
-- RECORD reservation_id, entry, outcome
-- USES code_uses, seats, stock
-- NEEDS OUTCOMES_KEPT_S
-- REPLY superseded | loaded (count)
-- loaded: only for the most recent restore, and only while it runs.
local room = redis.call('HMGET', conf, 'epoch', 'restoring')
if room[1] ~= epoch or room[2] ~= '1' then return {'superseded'} end
local loaded = 0
for reservation_id, entry, outcome in records() do
  if entry ~= '' and redis.call('HSETNX', holds, reservation_id, entry) == 1 then
    local state, visitor_id, items = string.match(entry, '^([^|]*)|([^|]*)|.*|([^|]*)$')
    local count = move(items, 'free', state)
    set_seats(items, string.sub(state, 1, 1), visitor_id)
    count_code(items, 1)
    tally(visitor_id, count)
    if state == 'sold' then tally(visitor_id .. ':sold', count) end
    if redis.call('ZSCORE', active, visitor_id) then redis.call('SADD', buyers, visitor_id) end
    loaded = loaded + 1
  end
  if outcome ~= '' then redis.call('HSET', outcomes, reservation_id, outcome) end
end
write_moves()
write_seats()
redis.call('EXPIRE', outcomes, OUTCOMES_KEPT_S)
return {'loaded', loaded}
