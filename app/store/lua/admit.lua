-- One tick of the admission controller: applies the schedule, ends what has expired, calls the next visitors.
-- The result depends only on elapsed time and on the keys, so late, repeated, missed and concurrent ticks are
-- harmless.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, buyers, stock, outflow
-- KEYS throttle, polls, wanted, submissions, networks, renewed, visitor_events, log, batched
-- ARGV now_ms:clock, limit:num, channel, sure_ms:num, away_from_ms:num, away_until_ms:num
-- USES backlog, bucket, callable, calling, ending_due, freezing, lanes, off_sale, opening, outflow, room
-- USES room_log, room_now, schedule, throttle
-- NEEDS CLAIMS_SOON_MS, ENDINGS_OVERLAP_MS, HEAD, TOKEN, UNWATCHED_MS
-- REPLY unknown | (head restoring more undrawn numbers_left tell calls rate claim_window_ms admitted)
-- REPLY (no_shows unclaimed tokens_left stay_ms due_in_ms backlog call_in_ms unkept visitor_events dropped)
-- REPLY (noted parts)
if not read_room() then return { 'unknown' } end
settle_bucket()
act_on_schedule()
-- A worker that has just started (-1) gives the times of an outage relative to now, and cannot know of all
-- outages; nor can others if no worker looked meanwhile.
if away_from_ms < 0 then
  away_from_ms, away_until_ms = now_ms + away_from_ms, math.min(now_ms, now_ms + away_until_ms)
end
if sure_ms < 0 and progress.sure_ms and now_ms - progress.sure_ms > UNWATCHED_MS then
  away_from_ms, away_until_ms = progress.sure_ms, now_ms
end
if limit == 0 or config.restoring == 1 then
  freeze(away_from_ms > 0 and away_from_ms or now_ms)
else
  stand_still(away_from_ms, away_until_ms)
end
progress.sure_ms = math.min(now_ms, math.max(sure_ms == 0 and now_ms or sure_ms, progress.sure_ms or 0))
redis.call('HSET', meter, 'sure_ms', progress.sure_ms)
local more = end_what_is_due(limit)
forget_allowances(throttle, limit)
forget_allowances(polls, limit)
-- Visitors still in the pre-queue of an open room, with no number set aside, came back after a restore.
local undrawn = config.opened_at_ms > 0 and sizes.prequeue > 0
if undrawn and progress.draw_next > progress.draw_last then keep_numbers_for_draw() end
local callable_now, spare = callable()
local calls = call_first(math.min(callable_now, limit), spare)
progress.level = math.min(progress.level, capacity())
count_outflow(calls)
local last_call_s
progress.outflow, last_call_s = measure_outflow()
local off_sale_now = all_off_sale()
if off_sale_now ~= (progress.off_sale or '') then
  progress.off_sale = off_sale_now
  redis.call('HSET', meter, 'off_sale', off_sale_now)
end
-- One of the workers notifies viewers: at once when the room's state or settings change, up to four times a
-- second while the queue moves, and every second while anybody waits.
local version = config.version .. state .. off_sale_now
local what = table.concat({
  version, progress.serving_position, sizes.waiting, sizes.prequeue, sizes.called, sizes.active,
  sizes.free or -1, sizes.held or -1,
}, ' ')
if config.lanes then what = what .. ' ' .. lanes_now() end
local since_ms = math.abs(now_ms - (progress.told_ms or 0)) -- the clock may have been set back
local new = string.match(progress.told or '', '^%S*') ~= version
local waits = sizes.waiting + sizes.prequeue > 0
local tell = new or (what ~= progress.told and since_ms >= 225) or (waits and since_ms >= 1000)
if tell then
  redis.call('HSET', meter, 'told_ms', now_ms, 'told', what)
  redis.call('PUBLISH', channel, what)
end
-- Since when nobody was called without a known reason. A full cap is no reason: people leave all the time.
local blocked = blocked_by()
local clear = not waits or state ~= 'open' or blocked ~= '' and blocked ~= 'cap' or not restored()
local moved_ms = progress.moved_ms or 0
local is_first = moved_ms == 0 or moved_ms > now_ms -- the clock was set back
progress.moved_ms = (clear or is_first) and now_ms or math.max(moved_ms, last_call_s * 1000)
save_meter()
write_log()
local reply = head({})
reply[HEAD + 1], reply[HEAD + 2] = config.restoring, (more or calls == limit) and 1 or 0
reply[HEAD + 3], reply[HEAD + 4] = undrawn and 1 or 0, progress.numbers_reserved - progress.last_number
reply[HEAD + 5], reply[HEAD + 6] = tell and 1 or 0, calls
-- For the estimate of waits (`app/core/waiting_room/wait_estimate.py`): visitors called more than 30 s, or
-- half a window, ago who have not claimed.
reply[HEAD + 7], reply[HEAD + 8] = config.rate, config.claim_window_ms
reply[HEAD + 9], reply[HEAD + 10] = progress.admitted, progress.no_shows
local soon_ms = math.max(config.claim_window_ms - CLAIMS_SOON_MS, config.claim_window_ms / 2)
reply[HEAD + 11] = redis.call('ZCOUNT', called, '-inf', now_ms + soon_ms)
reply[HEAD + 12] = (progress.level >= TOKEN and waits and calls < limit) and 1 or 0
-- The cap is full: the interval at which visitors leave if all of them stay for their whole session.
reply[HEAD + 13] = blocked == 'cap' and config.session_ttl_ms / config.active_max or 0
local unsure = redis.call('ZCOUNT', called, '-inf', now_ms) > 0 -- not known whether these calls have lapsed
reply[HEAD + 14] = unsure and 0 or next_due_in_ms()
reply[HEAD + 15] = backlog()
-- How long until the rate admits the next visitor; -1: nobody is waiting for the rate.
local waits_for_rate = state == 'open' and config.rate > 0 and waits
reply[HEAD + 16] = waits_for_rate and math.max(0, math.ceil((TOKEN - progress.level) / config.rate)) or -1
-- What ended since it was last written to Postgres (`app/waiting_room/ended_places.py`), and a little before:
-- clocks may be set back.
local kept_ms = (progress.kept_ms or 0) - ENDINGS_OVERLAP_MS
reply[HEAD + 17] = redis.call('ZCOUNT', ended, kept_ms > now_ms and 0 or kept_ms, '+inf')
reply[HEAD + 18] = redis.call('XLEN', visitor_events)
reply[HEAD + 19] = progress.visitor_events_dropped or 0
reply[HEAD + 20] = (progress.log_noted or 0) - (progress.log_taken or 0)
reply[HEAD + 21] = config.parts or 0
return reply
