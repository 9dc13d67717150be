-- Calls the first `count` in the queue by hand, even while the room is paused, on top of its rate: the bucket
-- is not charged. Never more than `active_max` or the free tickets allow. Repeated with the same id it calls
-- nobody.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, buyers, stock, outflow
-- KEYS wanted, networks, renewed, advances, visitor_events, log
-- ARGV now_ms:clock, count:num, advance_id, known_max:num, ttl_ms:num
-- USES bucket, callable, calling, outflow, room, room_log, room_now
-- NEEDS HEAD
-- REPLY unknown|restoring|away | not_open (state) | (head called limit)
-- limit says why no more were called: nothing, nobody, cap, tickets, skipped.
if not read_room() then return { 'unknown' } end
if not restored() then return { 'restoring' } end
if progress.frozen_ms then return { 'away' } end
local reply = head({})
local before = advance_id ~= '' and redis.call('HGET', advances, advance_id)
if before then
  reply[HEAD + 1], reply[HEAD + 2] = tonumber(string.match(before, '%d+')), string.match(before, '%a*$')
  return reply
end
if state ~= 'open' and state ~= 'paused' and state ~= 'sold_out' then return { 'not_open', state } end
settle_bucket()
local most, spare = within_limits(count)
local level = progress.level
note('advanced ' .. count)
local calls = call_first(most, spare)
progress.level = level
count_outflow(calls)
progress.outflow = measure_outflow()
save_meter()
write_log()
local why = ''
if calls < count then
  if sizes.waiting + sizes.prequeue == 0 then why = 'nobody'
  elseif config.active_max > 0 and sizes.called + sizes.active >= config.active_max then why = 'cap'
  elseif calls == most then why = 'tickets'
  else why = 'skipped' end
end
if advance_id ~= '' then
  if redis.call('HLEN', advances) >= known_max then redis.call('DEL', advances) end
  redis.call('HSET', advances, advance_id, calls .. ' ' .. why)
  redis.call('PEXPIRE', advances, ttl_ms)
end
reply = head(reply)
reply[HEAD + 1], reply[HEAD + 2] = calls, why
return reply
