-- Publishes the outcomes of a batch: stores them, removes the submissions from the stream, and sends one
-- message to each instance that waits. Called after the COMMIT; calling it twice is harmless.
-- KEYS submissions, outcomes
-- ARGV group, channel
-- RECORD message_id, reservation_id, fingerprint, instance, outcome
-- An empty outcome is not published: its submission is only removed from the stream.
-- NEEDS OUTCOMES_KEPT_S
-- REPLY (taken)
-- How many submissions were removed.
local messages, known, told, instances = {}, {}, {}, {}
for message_id, reservation_id, fingerprint, instance, outcome in records() do
  messages[#messages + 1] = message_id
  if outcome ~= '' then
    known[#known + 1], known[#known + 2] = reservation_id, fingerprint .. '|' .. outcome
  end
  if outcome ~= '' and instance ~= '' then
    if not told[instance] then
      told[instance] = {}
      instances[#instances + 1] = instance
    end
    table.insert(told[instance], reservation_id .. '|' .. outcome)
  end
end
if #messages == 0 then return 0 end
if #known > 0 then
  redis.call('HSET', outcomes, unpack(known))
  redis.call('EXPIRE', outcomes, OUTCOMES_KEPT_S)
end
for _, instance in ipairs(instances) do
  redis.call('PUBLISH', channel .. instance, table.concat(told[instance], '\n'))
end
redis.call('XACK', submissions, group, unpack(messages))
return redis.call('XDEL', submissions, unpack(messages))
