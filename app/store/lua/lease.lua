-- Gives a worker the lease of the room's submissions, or extends the one it has. Another worker gets it
-- once it has expired, or, with `even` 1, if that worker then has fewer rooms than the holder.
-- KEYS lease
-- ARGV worker, rooms:num, even:num, lease_ms:num
-- REPLY (left_ms)
-- 0: this worker has it; else for how long another one still has it.
local holder, its_rooms = string.match(redis.call('GET', lease) or '', '^(.*)|(%d+)$')
if holder and holder ~= worker and (even == 0 or tonumber(its_rooms) <= rooms) then
  return math.max(1, redis.call('PTTL', lease))
end
redis.call('SET', lease, worker .. '|' .. rooms, 'PX', lease_ms)
return 0
