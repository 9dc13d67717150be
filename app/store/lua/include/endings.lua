-- How a visitor's last place ended, and which number it had if that was before a restore; else it stands for any.
local function ending_of(visitor_id)
  local word, number = string.match(redis.call('HGET', endings, visitor_id) or '', '^([^|]+)|?(%d*)$')
  return word, tonumber(number) or math.huge
end
