-- Writes what staff changed. The bucket is filled at the old rate up to now, the new one counts from here on.
-- An older version than the one here is ignored; a room that has begun never goes back to before.
-- KEYS conf, meter, prequeue, waiting, called, active, stock
-- ARGV now_ms:clock, version:num, to
-- RECORD field, value
-- USES bucket, opening, room, room_now
-- REPLY unknown | (head)
if not read_room() then return { 'unknown' } end
if version <= config.version then return head({}) end
settle_bucket()
for field, value in records() do redis.call('HSET', conf, field, value) end
redis.call('HSET', conf, 'version', version)
local from = config.state
config = fields(conf)
if to ~= from and to ~= 'scheduled' and (to ~= 'prequeue' or from == 'scheduled') then enter_state(to) end
progress.level = math.min(progress.level, capacity())
save_meter()
read_room()
return head({})
