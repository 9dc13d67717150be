-- Ends one session early. A later session of the same visitor is kept; repeating it changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, buyers, stock, wanted
-- KEYS early_ends, networks, renewed, visitor_events, log
-- ARGV now_ms:clock, visitor_id, number:num, ended_channel
-- USES early_ends, room, room_log, turns
-- REPLY unknown|restoring|done|absent
if not read_room() then return { 'unknown' } end
if config.restoring == 1 then return { 'restoring' } end -- the session may not be loaded yet
local word, its_number = find_turn(visitor_id)
if word ~= 'active' or its_number ~= number then
  if progress.changed then save_meter() end
  write_log()
  return { 'absent' }
end
note_early_end(visitor_id)
end_session(visitor_id, 'done')
tell_early_ends()
save_meter()
write_log()
return { 'done' }
