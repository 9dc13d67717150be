-- Publishes the outcomes of a batch: stores them, removes the submissions from their stream, and sends one
-- message to each waiting instance. Call it after the COMMIT; calling it twice is harmless.
-- KEYS submissions, outcomes, batches, batched
-- ARGV group, channel
-- RECORD what, name, value
-- What: outcome has a reservation_id and FINGERPRINT|OUTCOME; instance its name and what it is
-- told; batch its entry and how many submissions are in it; single the entry of one.
-- NEEDS OUTCOMES_KEPT_S
-- REPLY (taken)
-- How many submissions were removed.
local known, single, taken, settled = {}, {}, 0, 0
for what, name, value in records() do
  if what == 'outcome' then
    known[#known + 1], known[#known + 2] = name, value
  elseif what == 'instance' then
    redis.call('PUBLISH', channel .. name, value)
  elseif what == 'batch' then
    redis.call('XACK', batches, group, name)
    settled = settled + redis.call('XDEL', batches, name) * value
  else
    single[#single + 1] = name
  end
end
if #known > 0 then
  redis.call('HSET', outcomes, unpack(known))
  redis.call('EXPIRE', outcomes, OUTCOMES_KEPT_S)
end
if settled > 0 then redis.call('HINCRBY', batched, 'settled', settled) end
if #single > 0 then
  redis.call('XACK', submissions, group, unpack(single))
  taken = redis.call('XDEL', submissions, unpack(single))
end
return taken + settled
