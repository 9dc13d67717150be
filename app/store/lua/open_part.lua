-- Opens a part of a room for an epoch: it gives out numbers as soon as it has a round of them. It still knows
-- visitors who joined in an earlier epoch of the same generation. `first`: nobody had joined before this
-- epoch.
-- KEYS part, arrivals
-- ARGV generation, epoch:num, first:num
-- REPLY superseded|opened
local was = redis.call('HMGET', part, 'generation', 'epoch', 'round', 'run_id', 'whole')
local same = was[1] == generation
if same and tonumber(was[2]) > epoch then return { 'superseded' } end
if same and tonumber(was[2]) == epoch and tonumber(was[3]) > 0 then return { 'superseded' } end
if not same then redis.call('DEL', arrivals) end
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local last = redis.call('ZRANGE', arrivals, -1, -1, 'WITHSCORES')
-- Whether it knows everybody who ever joined it: not if it was lost, or may lack the last second.
local whole = first == 1 or same and was[4] == run_id and was[5] == '1'
redis.call('DEL', part)
redis.call('HSET', part, 'generation', generation, 'epoch', epoch, 'round', 0, 'first', 0, 'next', 0,
  'past', 0, 'before', last[2] or 0, 'whole', whole and 1 or 0, 'run_id', run_id)
return { 'opened' }
