-- The room as this script finds it: c = conf, m = meter, n = how many stand where, state = as visitors see
-- it.
-- NEEDS active, called, conf, meter, prequeue, stock, waiting
-- GIVES c, m, n, state, fields, read_room, save_meter
local c, m, n, state
local METER = {
  'level', 'tick_ms', 'serving_position', 'last_number', 'numbers_reserved',
  'draw_first', 'draw_next', 'draw_last', 'outflow',
  'joined', 'admitted', 'no_shows', 'claimed', 'expired', 'left', 'done',
}
local function fields(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = tonumber(flat[i + 1]) or flat[i + 1] end
  return found
end
-- False when this server has not loaded the room: it is empty, was restarted, or took over as a replica. In
-- the last two cases it may have lost a second, so nothing here may be believed before `restore.lua` ran.
local function read_room()
  local run_id = redis.call('HGET', conf, 'run_id')
  if not run_id or not string.find(redis.call('INFO', 'server'), run_id, 1, true) then return false end
  c, m = fields(conf), fields(meter)
  n = {
    prequeue = redis.call('ZCARD', prequeue), waiting = redis.call('ZCARD', waiting),
    called = redis.call('ZCARD', called), active = redis.call('ZCARD', active),
  }
  state = c.state
  if c.event_id ~= '' then
    local counts = redis.call('HMGET', stock, 'free', 'held', 'total', 'windows')
    n.free, n.held, n.windows = tonumber(counts[1]), tonumber(counts[2]), counts[4]
    if state == 'open' and n.free == 0 and n.held == 0 and tonumber(counts[3]) > 0 then state = 'sold_out' end
  end
  return true
end
local function save_meter()
  local flat = {}
  for i = 1, #METER do flat[2 * i - 1] = METER[i]; flat[2 * i] = m[METER[i]] end
  redis.call('HSET', meter, unpack(flat))
end
