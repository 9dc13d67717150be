-- Sets the effect of codes, from Postgres: fields of `codes` as `include/codes.lua` reads them; one with an
-- empty value is removed. Usage counts are kept.
-- KEYS conf, codes
-- RECORD field, value
-- USES loaded
-- REPLY unknown | loaded (fields)
if not is_loaded(redis.call('HGET', conf, 'run_id')) then return {'unknown'} end
local new, gone, count = {}, {}, 0
for field, value in records() do
  count = count + 1
  if value == '' then
    gone[#gone + 1] = field
  else
    new[#new + 1], new[#new + 2] = field, value
  end
end
if #new > 0 then redis.call('HSET', codes, unpack(new)) end
if #gone > 0 then redis.call('HDEL', codes, unpack(gone)) end
return {'loaded', count}
