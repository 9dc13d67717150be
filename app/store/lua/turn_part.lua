-- Gives a part of a room its numbers of a round, unless it has those of a later one, and reads who joined it:
-- up to `limit` visitors with numbers above `after`, lowest first. Everybody with a number up to `complete`
-- was read, and no more such numbers are given out.
-- KEYS part, arrivals
-- ARGV epoch:num, number:num, base:num, size:num, place:num, parts:num, after:num, limit:num
-- USES loaded
-- REPLY lost | (complete used used_before)
-- EACH (visitor_id number)
-- used: how many numbers of its round it gave out; used_before: the same of the round that has just ended.
local it = redis.call('HMGET', part, 'run_id', 'epoch', 'round', 'first', 'next', 'past')
if not is_loaded(it[1]) or tonumber(it[2]) ~= epoch then return { 'lost' } end
local first, next_number, past = tonumber(it[4]), tonumber(it[5]), tonumber(it[6])
local used, used_before = (next_number - first) / parts, 0
if size > 0 and number > tonumber(it[3]) then
  first, next_number, past, used, used_before = base + place, base + place, base + size * parts, 0, used
  redis.call('HSET', part, 'round', number, 'first', first, 'next', next_number, 'past', past)
end
local complete = math.min(next_number, past) - 1
local from = string.format('(%.0f', after)
local found = redis.call('ZRANGEBYSCORE', arrivals, from, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
if limit > 0 and #found == 2 * limit then complete = tonumber(found[#found]) end
return { complete, used, used_before, unpack(found) }
