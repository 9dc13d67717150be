-- Gives one worker the lease of the room's submissions, or puts off its end. Another one gets it when it has
-- run out, or, with `even` 1, if it then has fewer rooms than the holder.
-- KEYS lease
-- ARGV worker, rooms:num, even:num, lease_ms:num
-- REPLY (left_ms)
-- 0: this worker has it; else for how long another one does.
local holder, its_rooms = string.match(redis.call('GET', lease) or '', '^(.*)|(%d+)$')
if holder and holder ~= worker and (even == 0 or tonumber(its_rooms) <= rooms) then
  return math.max(1, redis.call('PTTL', lease))
end
redis.call('SET', lease, worker .. '|' .. rooms, 'PX', lease_ms)
return 0
