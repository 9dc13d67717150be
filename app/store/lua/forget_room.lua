-- Takes a room that was deleted or reset out of Redis, both halves of it, and tells its viewers. Not another
-- one that was made under its name since.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, outflow
-- KEYS throttle, polls, wanted, stock, holds, allowance, seats, sitters, submissions, outcomes
-- KEYS outcomes_before, samples, tickets, early_ends, carried, networks, renewed, turnover, advances, origin
-- KEYS origin_asked, tries
-- ARGV generation, channel
-- REPLY forgotten|kept
local found = redis.call('HMGET', conf, 'generation', 'epoch')
if found[2] and (found[1] or '') ~= generation then return { 'kept' } end
redis.call('UNLINK',
  conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, outflow,
  throttle, polls, wanted, stock, holds, allowance, seats, sitters,
  submissions, outcomes, outcomes_before, samples,
  tickets, early_ends, carried, networks, renewed, turnover, advances, origin,
  origin_asked, tries)
redis.call('PUBLISH', channel, 'gone')
return { 'forgotten' }
