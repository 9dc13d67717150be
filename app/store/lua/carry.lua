-- Moves a place to another visitor, who has it from then on instead of whoever had it; by each code once. Queue
-- number and claim window stay as they are. Who is inside stays where they are, and so does who holds or bought tickets,
-- whose limit goes with the visitor.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, wanted, allowance, carried
-- KEYS networks, renewed
-- ARGV now_ms:clock, code_id, visitor_id, to_id, draw, replace:num, ttl_ms:num
-- USES room, endings, wanted, networks, turns
-- REPLY unknown | carried|used|absent|inside|removed|has_place|restoring
if not read_room() then return { 'unknown' } end
redis.call('ZREMRANGEBYSCORE', carried, '-inf', now_ms)

local function refusal(word, theirs)
  if redis.call('ZSCORE', carried, code_id) then return 'used' end
  if c.restoring == 1 then return 'restoring' end
  if redis.call('SISMEMBER', removed, to_id) == 1 then return 'removed' end
  if not word then return 'absent' end
  if word == 'active' or theirs == 'active' then return 'inside' end
  if tonumber(redis.call('HGET', allowance, visitor_id) or 0) > 0 then return 'inside' end
  if theirs and replace == 0 then return 'has_place' end
  -- While a draw gives out numbers, nobody moves.
  if word == 'prequeue' and c.method == 'lottery' and (draw == '' or c.opened_at_ms > 0) then return 'restoring' end
end

local function give_up_place(theirs)
  if theirs == 'called' then end_call(to_id, 'left', 'left') end
  if theirs == 'waiting' or theirs == 'prequeue' then
    redis.call('ZREM', waiting, to_id)
    redis.call('ZREM', prequeue, to_id)
    m.left = m.left + 1
  end
  forget_wanted(to_id, false)
  forget_network(to_id)
  redis.call('ZREM', ended, to_id); redis.call('HDEL', endings, to_id)
end

local function move(word, number)
  local line = ({ called = called, waiting = waiting, prequeue = prequeue })[word]
  local score = redis.call('ZSCORE', line, visitor_id)
  redis.call('ZREM', line, visitor_id)
  redis.call('ZADD', line, word == 'prequeue' and c.method == 'lottery' and draw or score, to_id)
  if word == 'called' then
    redis.call('HDEL', turns, visitor_id)
    redis.call('HSET', turns, to_id, number)
    count_unclaimed(visitor_id, -1)
  end
  note_network(to_id, network_of(visitor_id)) -- whose id says its own counts for that
  forget_network(visitor_id)
  if word == 'called' then count_unclaimed(to_id, 1) end
  local quantity = said(visitor_id)
  if quantity > 0 then redis.call('HDEL', wanted, visitor_id); redis.call('HSET', wanted, to_id, quantity) end
  finish(visitor_id, 'left', number)
end

local word, number = find_place(visitor_id)
local theirs = find_place(to_id)
local reply = refusal(word, theirs)
if not reply then
  give_up_place(theirs)
  move(word, number)
  redis.call('ZADD', carried, now_ms + ttl_ms, code_id)
  redis.call('PEXPIRE', carried, ttl_ms)
end
if m.changed then save_meter() end
return { reply or 'carried' }
