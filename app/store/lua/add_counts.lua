-- Adds one process's counts to the totals over all processes; sending the same counts again adds nothing.
-- KEYS counts, counted
-- ARGV process, turn:num, processes_max:num, ttl_ms:num
-- RECORD field, amount
-- REPLY added|known
if tonumber(redis.call('HGET', counted, process) or 0) >= turn then return { 'known' } end
if redis.call('HLEN', counted) >= processes_max then redis.call('DEL', counted) end
for field, amount in records() do redis.call('HINCRBYFLOAT', counts, field, amount) end
redis.call('HSET', counted, process, turn)
redis.call('PEXPIRE', counts, ttl_ms); redis.call('PEXPIRE', counted, ttl_ms)
return { 'added' }
