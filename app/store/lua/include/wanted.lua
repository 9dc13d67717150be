-- How many tickets visitors want. `wanted` has those who want, or wanted, more than one, until they reserve
-- or are gone; its field :inside is how much the visitors inside want beyond one each. A called visitor who
-- has not claimed counts for one ticket, whatever they want: a wish costs nothing, a session must be claimed.
-- NEEDS wanted
-- GIVES anybody_wants_more, said, wants, wanted_of, note_wanted, want, wanted_inside, count_wanted
-- GIVES forget_wanted
local some_wanted = redis.call('EXISTS', wanted) == 1
local function anybody_wants_more() return some_wanted end
local function said(visitor_id)
  return some_wanted and tonumber(redis.call('HGET', wanted, visitor_id)) or 0
end
local function wants(visitor_id) return math.max(1, said(visitor_id)) end
local function wanted_of(visitors)
  return some_wanted and redis.call('HMGET', wanted, unpack(visitors)) or {}
end
local function note_wanted(visitor_id, quantity)
  redis.call('HSET', wanted, visitor_id, quantity)
  some_wanted = true
end
local function want(visitor_id, quantity)
  if quantity > 1 or (quantity == 1 and said(visitor_id) > 0) then note_wanted(visitor_id, quantity) end
end
local function wanted_inside()
  return some_wanted and tonumber(redis.call('HGET', wanted, ':inside')) or 0
end
local function count_wanted(more)
  if more == 0 then return end
  if redis.call('HINCRBY', wanted, ':inside', more) <= 0 then redis.call('HDEL', wanted, ':inside') end
end
local function forget_wanted(visitor_id, was_inside)
  local quantity = said(visitor_id)
  if quantity == 0 then return end
  redis.call('HDEL', wanted, visitor_id)
  if was_inside then count_wanted(1 - quantity) end
end
