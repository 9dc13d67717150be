-- Reads the current round of numbers of a room in parts, and starts the next one if it is round `after`: in a
-- `hurry` at once, else when it has lasted long enough. No round has numbers above `numbers_reserved`.
-- `opened`: all parts were opened for this epoch; `lost`: a part has lost its data of this epoch, so the room
-- is unloaded, to be restored.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- ARGV now_ms:clock, opened:num, lost:num, after:num, hurry:num, most:num
-- USES room
-- NEEDS ROUND_MAX, ROUND_MIN, ROUND_MS
-- REPLY unknown | (epoch generation parts first ready number base size gathered_to)
-- first: nobody had joined before this epoch.
if not read_room() then return { 'unknown' } end
if lost == config.epoch then
  redis.call('HDEL', conf, 'run_id')
  return { 'unknown' }
end
local parts = config.parts or 1
local whole = config.epoch .. ' ' .. parts
if opened == config.epoch then
  progress.parts_ready = whole
  redis.call('HSET', meter, 'parts_ready', whole)
end
local ready = parts > 1 and progress.parts_ready == whole
local number, size = progress.round or 0, progress.round_size or 0
local lasted_ms = math.abs(now_ms - (progress.round_ms or 0)) -- the clock may have been set back
-- A round of an earlier epoch ended with it.
local stale = (progress.round_epoch or 0) < config.epoch
local due = number == after and (hurry == 1 or lasted_ms >= ROUND_MS)
local left = math.floor((progress.numbers_reserved - progress.last_number) / parts)
if ready and (stale or due) and left > 0 then
  if hurry == 1 then size = math.max(2 * size, most) elseif most > 0 then size = most end
  size = math.min(left, ROUND_MAX, math.max(ROUND_MIN, size))
  number = number + 1
  redis.call('HSET', meter, 'round', number, 'round_epoch', config.epoch, 'round_ms', now_ms,
    'round_base', progress.last_number + 1, 'round_size', size)
  progress.round_base, stale = progress.last_number + 1, false
  progress.last_number = progress.last_number + size * parts
  save_meter()
end
if stale then size = 0 end
return {
  config.epoch, config.generation or '', parts, progress.parts_first == config.epoch and 1 or 0,
  ready and 1 or 0, number, progress.round_base or 0, size, progress.gathered_to or 0,
}
