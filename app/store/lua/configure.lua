-- Writes settings that staff changed. The bucket is filled at the old rate up to now; the new rate applies
-- from now on. A version older than the stored one is ignored; a room that has opened is never unopened.
-- KEYS conf, meter, prequeue, waiting, called, active, stock, log
-- ARGV now_ms:clock, version:num, to
-- RECORD field, value
-- USES bucket, opening, room, room_log, room_now, settings_log
-- REPLY unknown | (head)
if not read_room() then return { 'unknown' } end
if version <= config.version then return head({}) end
settle_bucket()
local was = config
for field, value in records() do redis.call('HSET', conf, field, value) end
for _, field in ipairs({ 'lanes', 'parts' }) do -- empty: the room has none
  if redis.call('HGET', conf, field) == '' then redis.call('HDEL', conf, field) end
end
redis.call('HSET', conf, 'version', version)
local from = config.state
config = fields(conf)
note_settings(was)
if to ~= from and to ~= 'scheduled' and (to ~= 'prequeue' or from == 'scheduled') then enter_state(to) end
progress.level = math.min(progress.level, capacity())
save_meter()
write_log()
read_room()
return head({})
