-- A visitor's turn: how it starts, and the four ways it ends.
-- NEEDS active, called, close_session, config, count_unclaimed, count_wanted, endings, find_in_line
-- NEEDS forget_network, forget_wanted, is_over, later, meter, now_ms, progress, put_off, record_ending
-- NEEDS restored_serving_of, sizes, tell_of_visitor, TOKEN, turns, wants
-- GIVES finish, end_call, end_session, window_after, call_in, begin_session, claim_turn, find_turn
-- GIVES find_place
local function finish(visitor_id, word, number)
  record_ending(visitor_id, word, number)
  progress.changed = true
end
-- Returns the token of an unclaimed call to the bucket; except for calls from before a restore, whose token
-- may have been returned already.
local function end_call(visitor_id, word, counter)
  local number = redis.call('HGET', turns, visitor_id) or 0
  if tonumber(number) > restored_serving_of(visitor_id) then progress.level = progress.level + TOKEN end
  redis.call('ZREM', called, visitor_id)
  redis.call('HDEL', turns, visitor_id)
  count_unclaimed(visitor_id, -1)
  forget_network(visitor_id)
  forget_wanted(visitor_id, false)
  sizes.called, progress[counter] = sizes.called - 1, progress[counter] + 1
  tell_of_visitor(word, visitor_id, number)
  finish(visitor_id, word, number)
end
local function end_session(visitor_id, word)
  close_session(visitor_id, word)
  forget_wanted(visitor_id, true)
  sizes.active, progress[word], progress.changed = sizes.active - 1, progress[word] + 1, true
end
-- How long a called visitor has to claim; half as long if they let their last turn lapse.
local function window_after(ending)
  local lapsed = ending and string.sub(ending, 1, 8) == 'no_show|'
  return lapsed and math.ceil(config.claim_window_ms / 2) or config.claim_window_ms
end
local function call_in(visitor_id, number)
  local deadline_ms = now_ms + window_after(redis.call('HGET', endings, visitor_id))
  if sizes.called == 0 then -- no worker may have visited this room for long
    progress.sure_ms = now_ms
    redis.call('HSET', meter, 'sure_ms', now_ms)
  end
  redis.call('ZADD', called, deadline_ms, visitor_id)
  redis.call('HSET', turns, visitor_id, number)
  count_unclaimed(visitor_id, 1)
  tell_of_visitor('called', visitor_id, number)
  sizes.called, progress.changed = sizes.called + 1, true
  return deadline_ms
end
-- Starts a session; from now on the visitor counts for as many tickets as they want. It ends on a whole
-- second, as `exp` in the booking token has no fractions.
local function begin_session(visitor_id)
  local deadline_ms = math.floor(now_ms / 1000) * 1000 + config.session_ttl_ms
  redis.call('ZADD', active, deadline_ms, visitor_id)
  forget_network(visitor_id)
  tell_of_visitor('claimed', visitor_id)
  count_wanted(wants(visitor_id) - 1)
  sizes.active, progress.claimed, progress.changed = sizes.active + 1, progress.claimed + 1, true
  return deadline_ms
end
local function claim_turn(visitor_id)
  redis.call('ZREM', called, visitor_id)
  sizes.called = sizes.called - 1
  count_unclaimed(visitor_id, -1)
  return begin_session(visitor_id)
end
-- The state of a visitor whose turn it is: word, number, people ahead (-1), deadline; else nil. The first
-- look after the deadline has passed ends the turn.
local function find_turn(visitor_id)
  local number = redis.call('HGET', turns, visitor_id)
  if not number then return nil end
  local deadline_ms = tonumber(redis.call('ZSCORE', called, visitor_id))
  if deadline_ms and progress.frozen_ms then deadline_ms = later(deadline_ms, progress.frozen_ms, now_ms) end
  if deadline_ms and not is_over(deadline_ms) then return 'called', tonumber(number), -1, deadline_ms end
  if deadline_ms then end_call(visitor_id, 'no_show', 'no_shows') return nil end
  deadline_ms = tonumber(redis.call('ZSCORE', active, visitor_id) or 0)
  local began_ms = deadline_ms - config.session_ttl_ms
  if deadline_ms <= now_ms and progress.frozen_ms and began_ms > progress.frozen_ms - 1000 then
    deadline_ms = put_off(visitor_id, deadline_ms) -- it began while nothing could be stored
  end
  if deadline_ms > now_ms then return 'active', tonumber(number), -1, deadline_ms end
  end_session(visitor_id, 'expired')
  return nil
end
local function find_place(visitor_id)
  local word, number, ahead, deadline_ms = find_turn(visitor_id)
  if word then return word, number, ahead, deadline_ms end
  return find_in_line(visitor_id)
end
