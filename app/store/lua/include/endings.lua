-- How a visitor's last place ended, and its number; 0: it had none yet, and the ending applies to any number.
-- NEEDS endings
-- GIVES ending_of
local function ending_of(visitor_id)
  local word, number = string.match(redis.call('HGET', endings, visitor_id) or '', '^([^|]+)|(%d+)$')
  return word, number == '0' and math.huge or tonumber(number)
end
