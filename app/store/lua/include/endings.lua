-- How a visitor's last place ended, and its number; 0: it had none yet, so the ending applies to any number.
-- NEEDS endings
-- GIVES ending_of, ended_numbers
local function read_ending(text)
  local word, number = string.match(text or '', '^([^|]+)|(%d+)$')
  return word, number == '0' and math.huge or tonumber(number)
end
local function ending_of(visitor_id) return read_ending(redis.call('HGET', endings, visitor_id)) end
-- The numbers of many; 0 where no place has ended.
local function ended_numbers(visitors)
  local found = redis.call('HMGET', endings, unpack(visitors))
  for i, text in ipairs(found) do
    local _, number = read_ending(text)
    found[i] = number or 0
  end
  return found
end
