-- Takes a deleted room out of Redis, both halves of it.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, outflow
-- KEYS throttle, polls, wanted, stock, holds, allowance, seats, sitters, submissions, outcomes
-- KEYS outcomes_before, samples, tickets, early_ends, carried, networks, renewed, turnover
-- REPLY forgotten
redis.call('UNLINK',
  conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, outflow,
  throttle, polls, wanted, stock, holds, allowance, seats, sitters,
  submissions, outcomes, outcomes_before, samples,
  tickets, early_ends, carried, networks, renewed, turnover)
return { 'forgotten' }
