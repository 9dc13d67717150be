-- Removes a room that closed long ago from Redis, if nothing is lost: nobody is called, inside or was passed
-- over; no ticket is held, no request unsettled, no ending still reported. The places of waiting visitors are
-- in their tokens; keys with a TTL are left to expire.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, outflow
-- KEYS throttle, polls, wanted, stock, holds, allowance, seats, sitters, codes, submissions, networks
-- KEYS visitor_events, log, batches, batched
-- ARGV now_ms:clock, epoch:num, closed_ms:num, loaded_ms:num
-- USES lanes, room
-- NEEDS ENDINGS_TOLD_MS, LANE_BAND
-- REPLY unknown|kept|unloaded
if not read_room() then return { 'unknown' } end
local function since(moment_ms, least_ms) return moment_ms > 0 and now_ms - moment_ms >= least_ms end
local closed = config.state == 'closed' and since(config.closed_at_ms, closed_ms)
  and since(config.restored_at_ms, loaded_ms)
local drawn = progress.draw_first == 0 or progress.draw_next > progress.draw_last
local whole = config.epoch == epoch and config.restoring == 0 and drawn
local unsettled = 0
for _, stream in ipairs({ submissions, batches, visitor_events, log }) do
  unsettled = unsettled + redis.call('XLEN', stream)
end
local empty = sizes.called + sizes.active + (sizes.held or 0) + unsettled == 0
local passed_over = redis.call('ZCOUNT', waiting, '-inf', progress.serving_position)
for lane = 1, #shares_of_lanes() - 1 do
  local to = string.format('%.0f', lane * LANE_BAND + serving_of(lane))
  passed_over = passed_over + redis.call('ZCOUNT', waiting, (band_of(lane)), to)
end
local told = redis.call('ZCOUNT', ended, now_ms - ENDINGS_TOLD_MS, '+inf')
if not (closed and whole and empty and passed_over == 0 and told == 0) then return { 'kept' } end
redis.call('UNLINK',
  conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, outflow,
  throttle, polls, wanted, stock, holds, allowance, seats, sitters, codes, submissions, networks,
  visitor_events, log, batches, batched)
return { 'unloaded' }
