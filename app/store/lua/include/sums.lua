-- Sums by name, the seats named by items, and writing a hash in few commands.
-- NEEDS BATCH
-- GIVES add, seat_ids_of, write_fields
local function add(to, name, quantity) to[name] = (to[name] or 0) + quantity end
local function seat_ids_of(items)
  local found = {}
  for ids in string.gmatch(items, '@([^,!]+)') do
    for seat_id in string.gmatch(ids, '[^+]+') do found[#found + 1] = seat_id end
  end
  return found
end
local function write_fields(key, values)
  local flat = {}
  for name, value in pairs(values) do flat[#flat + 1], flat[#flat + 2] = name, value end
  for first = 1, #flat, BATCH do
    redis.call('HSET', key, unpack(flat, first, math.min(first + BATCH - 1, #flat)))
  end
end
