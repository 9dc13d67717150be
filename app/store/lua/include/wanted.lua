-- How many tickets visitors want at once. `wanted` has those who want, or wanted, more than one, until they reserve or are
-- gone; its field :called is what those who are called or inside want above one each.
local some_wanted = redis.call('EXISTS', wanted) == 1
local function said(visitor_id)
  return some_wanted and tonumber(redis.call('HGET', wanted, visitor_id)) or 0
end
local function wants(visitor_id) return math.max(1, said(visitor_id)) end
local function want(visitor_id, quantity)
  if quantity > 1 or (quantity == 1 and said(visitor_id) > 0) then
    redis.call('HSET', wanted, visitor_id, quantity)
    some_wanted = true
  end
end
local function wanted_by_called(more)
  if not some_wanted then return 0 end
  if more == 0 then return tonumber(redis.call('HGET', wanted, ':called') or 0) end
  local sum = redis.call('HINCRBY', wanted, ':called', more)
  if sum == 0 then redis.call('HDEL', wanted, ':called') end
  return sum
end
local function forget_wanted(visitor_id, was_called)
  local quantity = said(visitor_id)
  if quantity == 0 then return end
  redis.call('HDEL', wanted, visitor_id)
  if was_called then wanted_by_called(1 - quantity) end
end
