-- A visitor's turn: how it starts, and the four ways it ends. What ended is told for an hour, with the number it had.
local function finish(visitor_id, word, number)
  redis.call('ZADD', ended, now_ms, visitor_id)
  redis.call('HSET', endings, visitor_id, word .. '|' .. string.format('%.0f', number))
  m.changed = true
end
local function give_up(visitor_id, standing)
  local number = redis.call('HGET', turns, visitor_id) or 0
  redis.call('ZREM', standing, visitor_id); redis.call('HDEL', turns, visitor_id); forget_wanted(visitor_id, true)
  return number
end
-- The token of a call nobody came for goes back to the bucket; not of one made before the room was restored, whose
-- token may have been given back already.
local function end_call(visitor_id, word, counter)
  local number = give_up(visitor_id, called)
  if tonumber(number) > c.restored_serving then m.level = m.level + 60000 end
  n.called, m[counter] = n.called - 1, m[counter] + 1
  finish(visitor_id, word, number)
end
local function end_session(visitor_id, word)
  redis.call('SREM', buyers, visitor_id)
  n.active, m[word] = n.active - 1, m[word] + 1
  finish(visitor_id, word, give_up(visitor_id, active))
end
local function call_in(visitor_id, number)
  local deadline_ms = now_ms + c.claim_window_ms
  redis.call('ZADD', called, deadline_ms, visitor_id)
  redis.call('HSET', turns, visitor_id, number)
  wanted_by_called(wants(visitor_id) - 1)
  n.called, m.changed = n.called + 1, true
  return deadline_ms
end
-- Where a visitor stands whose turn it is: word, number, people ahead (-1: it is their turn), deadline; nil: it is
-- not. A deadline that has passed ends the turn for whoever looks first.
local function find_turn(visitor_id)
  local number = redis.call('HGET', turns, visitor_id)
  if not number then return nil end
  local deadline_ms = thawed(tonumber(redis.call('ZSCORE', called, visitor_id)))
  if deadline_ms and deadline_ms > now_ms then return 'called', tonumber(number), -1, deadline_ms end
  if deadline_ms then end_call(visitor_id, 'no_show', 'no_shows') return nil end
  deadline_ms = tonumber(redis.call('ZSCORE', active, visitor_id) or 0)
  if deadline_ms > now_ms then return 'active', tonumber(number), -1, deadline_ms end
  end_session(visitor_id, 'expired')
  return nil
end
local function find_in_line(visitor_id)
  local number = tonumber(redis.call('ZSCORE', waiting, visitor_id))
  if number then
    local undrawn = number >= m.draw_next and n.prequeue or 0
    return 'waiting', number, redis.call('ZRANK', waiting, visitor_id) + undrawn, 0
  end
  local score = n.prequeue > 0 and redis.call('ZSCORE', prequeue, visitor_id)
  if score then return 'prequeue', c.method == 'fifo' and tonumber(score) or 0, -1, 0 end
  return nil
end
local function find_place(visitor_id)
  local word, number, ahead, deadline_ms = find_turn(visitor_id)
  if word then return word, number, ahead, deadline_ms end
  return find_in_line(visitor_id)
end
