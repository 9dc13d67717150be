-- The room as this script reads it: config from `conf`, progress from `meter`, sizes = how many visitors are
-- where and how many tickets are free; state = as visitors see it.
-- NEEDS active, called, conf, is_loaded, meter, prequeue, stock, waiting
-- GIVES config, progress, sizes, state, fields, read_room, save_meter
local config, progress, sizes, state
local METER = {
  'level', 'tick_ms', 'serving_position', 'last_number', 'numbers_reserved',
  'draw_first', 'draw_next', 'draw_last', 'outflow', 'moved_ms',
  'joined', 'admitted', 'no_shows', 'claimed', 'expired', 'left', 'done',
}
local function fields(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = tonumber(flat[i + 1]) or flat[i + 1] end
  return found
end
-- False if this server has not loaded the room; see `loaded.lua`.
local function read_room()
  if not is_loaded(redis.call('HGET', conf, 'run_id')) then return false end
  config, progress = fields(conf), fields(meter)
  sizes = {
    prequeue = redis.call('ZCARD', prequeue), waiting = redis.call('ZCARD', waiting),
    called = redis.call('ZCARD', called), active = redis.call('ZCARD', active),
  }
  state = config.state
  if config.event_id ~= '' then
    local counts = redis.call('HMGET', stock, 'free', 'held', 'total', 'windows')
    sizes.free, sizes.held, sizes.windows = tonumber(counts[1]), tonumber(counts[2]), counts[4]
    local none_left = sizes.free == 0 and sizes.held == 0 and tonumber(counts[3]) > 0
    if state == 'open' and none_left then state = 'sold_out' end
  end
  return true
end
local function save_meter()
  local flat = {}
  for i = 1, #METER do flat[2 * i - 1] = METER[i]; flat[2 * i] = progress[METER[i]] or 0 end
  redis.call('HSET', meter, unpack(flat))
end
