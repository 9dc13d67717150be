-- Removes a deleted or reset room from Redis, queue and reservations alike, and notifies its viewers. A room
-- that was created again under the same id is left alone.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, outflow
-- KEYS throttle, newcomers, solved, polls, wanted, stock, holds, allowance, seats, sitters, codes
-- KEYS submissions, outcomes, arrivals, part
-- KEYS outcomes_before, samples, tickets, early_ends, carried, networks, renewed, turnover, advances, origin
-- KEYS origin_asked, tries, visitor_events, log, lease, batches, batched
-- ARGV generation, channel
-- REPLY forgotten|kept
local found = redis.call('HMGET', conf, 'generation', 'epoch')
if found[2] and (found[1] or '') ~= generation then return { 'kept' } end
redis.call('UNLINK',
  conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, outflow,
  throttle, newcomers, solved, polls, wanted, stock, holds, allowance, seats, sitters, codes,
  submissions, outcomes, outcomes_before, samples, arrivals, part,
  tickets, early_ends, carried, networks, renewed, turnover, advances, origin,
  origin_asked, tries, visitor_events, log, lease, batches, batched)
redis.call('PUBLISH', channel, 'gone')
return { 'forgotten' }
