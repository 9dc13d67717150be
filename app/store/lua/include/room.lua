-- The room as this script finds it: c = conf, m = meter, n = how many stand where, state = as visitors see it.
local c, m, n, state
local METER = { 'level', 'tick_ms', 'serving_position', 'last_number', 'numbers_reserved', 'draw_first', 'draw_next', 'draw_last', 'outflow', 'joined', 'admitted', 'no_shows', 'claimed', 'expired', 'left', 'done' }
local function fields(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = tonumber(flat[i + 1]) or flat[i + 1] end
  return found
end
-- False when this server has not loaded the room: it is empty, was restarted, or took over as a replica. In the
-- last two cases it may have lost a second, so nothing here may be believed before `restore.lua` ran.
local function read_room()
  local run_id = redis.call('HGET', conf, 'run_id')
  if not run_id or not string.find(redis.call('INFO', 'server'), run_id, 1, true) then return false end
  c, m = fields(conf), fields(meter)
  n = { prequeue = redis.call('ZCARD', prequeue), waiting = redis.call('ZCARD', waiting), called = redis.call('ZCARD', called), active = redis.call('ZCARD', active) }
  state = c.state
  if c.event_id ~= '' then
    local counts = redis.call('HMGET', stock, 'free', 'held', 'total', 'windows')
    n.free, n.held, n.windows = tonumber(counts[1]), tonumber(counts[2]), counts[4]
    if state == 'open' and n.free == 0 and n.held == 0 and tonumber(counts[3]) > 0 then state = 'sold_out' end
  end
  return true
end
-- Whether who was here before a restore has had time to return. No window is so long: then the clock was set back.
local function restored()
  return c.restoring == 0 and (now_ms >= c.restore_until_ms or now_ms < c.restore_until_ms - 360000)
end
local function save_meter()
  local flat = {}
  for i = 1, #METER do flat[2 * i - 1] = METER[i]; flat[2 * i] = m[METER[i]] end
  redis.call('HSET', meter, unpack(flat))
end
-- Why nobody who waits in an open room can be called, however long they wait, until something changes; '' where the queue moves.
local function blocked_by()
  if state ~= 'open' then return '' end
  if c.rate == 0 then return 'rate' end
  if c.event_id ~= '' then
    if not n.free or n.free == 0 and n.held == 0 then return 'nothing_on_sale' end
    if n.free == 0 then return 'held' end
    if m.off_sale and m.off_sale ~= '' then return m.off_sale end
  end
  return c.active_max > 0 and n.called + n.active >= c.active_max and 'cap' or ''
end
-- The first values of a reply, see `RoomStatus`; -1: no tickets to speak of.
local HEAD = 16
local function head(reply)
  reply[1] = now_ms; reply[2] = c.version; reply[3] = c.epoch; reply[4] = state
  reply[5] = m.serving_position; reply[6] = m.last_number
  reply[7] = n.waiting + n.prequeue; reply[8] = n.called; reply[9] = n.active
  reply[10] = m.outflow; reply[11] = n.free or -1; reply[12] = c.opened_at_ms; reply[13] = n.held or -1
  reply[14] = m.pace or ''; reply[15] = blocked_by(); reply[16] = c.generation or ''
  return reply
end
-- While Postgres is unavailable nobody can claim, so claim windows stand still from `frozen_ms` on: a deadline as it would be
-- if they went on now. Nobody gets more than a whole window.
local function thawed(deadline_ms)
  if not deadline_ms or not m.frozen_ms then return deadline_ms end
  return math.max(deadline_ms, math.min(deadline_ms + now_ms - m.frozen_ms, now_ms + c.claim_window_ms))
end
