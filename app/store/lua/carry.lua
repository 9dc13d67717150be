-- Moves a place from one visitor id to another. Each code works once; repeating the move while the new id
-- still has the place changes nothing. Queue number and claim window are kept. Visitors inside are not moved,
-- nor are buyers and holders, whose ticket limit belongs to their id.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, wanted
-- KEYS allowance, carried, networks, renewed, visitor_events, log
-- ARGV now_ms:clock, code_id, visitor_id, to_id, draw, replace:num, ttl_ms:num
-- USES lanes, leaving, networks, room, room_log, turns, visitor_events, wanted
-- REPLY unknown | (word number given_up)
-- REPLY used|absent|inside|removed|has_place|restoring | carried|again
-- given_up is the number of the place that the new id had before; 0: none.
if not read_room() then return { 'unknown' } end
redis.call('ZREMRANGEBYSCORE', carried, '-inf', now_ms)

local function move_of(number) return string.format('%s %s %.0f', code_id, to_id, number) end
local function refusal(word, theirs, their_number)
  if redis.call('ZSCORE', carried, code_id) then
    return theirs and redis.call('ZSCORE', carried, move_of(their_number)) and 'again' or 'used'
  end
  if config.restoring == 1 then return 'restoring' end
  if redis.call('SISMEMBER', removed, to_id) == 1 then return 'removed' end
  if not word then return 'absent' end
  if word == 'active' or theirs == 'active' then return 'inside' end
  if tonumber(redis.call('HGET', allowance, visitor_id) or 0) > 0 then return 'inside' end
  if theirs and replace == 0 then return 'has_place' end
  -- Nobody is moved while a draw is giving out numbers.
  local undrawn = word == 'prequeue' and config.method == 'lottery'
  if undrawn and (draw == '' or config.opened_at_ms > 0) then return 'restoring' end
end

local function move(word, number)
  local line = ({ called = called, waiting = waiting, prequeue = prequeue })[word]
  local score = redis.call('ZSCORE', line, visitor_id)
  redis.call('ZREM', line, visitor_id)
  if word ~= 'called' then score = score_of(to_id, number) end -- with another proof it may be another lane
  redis.call('ZADD', line, word == 'prequeue' and config.method == 'lottery' and draw or score, to_id)
  if word == 'called' then
    redis.call('HDEL', turns, visitor_id)
    redis.call('HSET', turns, to_id, number)
    count_unclaimed(visitor_id, -1)
  end
  note_network(to_id, network_of(visitor_id)) -- an id that contains its network counts for that one
  forget_network(visitor_id)
  if word == 'called' then count_unclaimed(to_id, 1) end
  local quantity = said(visitor_id)
  if quantity > 0 then
    forget_wanted(visitor_id, false)
    note_wanted(to_id, quantity)
  end
  finish(visitor_id, 'left', number)
  tell_of_visitor('left', visitor_id, number)
  tell_of_visitor('joined', to_id, number)
  -- those behind the new place may have been called
  if number > 0 and lane_of(to_id) ~= lane_of(visitor_id) then
    note(string.format('passed %.0f %s moved', number, to_id))
  end
end

local word, number = find_place(visitor_id)
local theirs, their_number = find_place(to_id)
local reply = refusal(word, theirs, their_number)
if not reply then
  give_up_place(to_id, theirs, their_number)
  redis.call('ZREM', ended, to_id)
  redis.call('HDEL', endings, to_id)
  move(word, number)
  redis.call('ZADD', carried, now_ms + ttl_ms, code_id, now_ms + ttl_ms, move_of(number))
  redis.call('PEXPIRE', carried, ttl_ms)
end
if progress.changed then save_meter() end
write_log()
if reply then return { reply, their_number or 0, 0 } end
return { 'carried', number, their_number or 0 }
