-- Writes settings that staff changed. The bucket is filled at the old rate up to now; the new rate applies
-- from now on. A version older than the stored one is ignored; a room that has opened is never unopened.
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
