-- Takes a visitor out of the queue at their own wish, or ends their session. A second time changes nothing.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, buyers, stock, wanted, early_ends, networks, renewed
-- ARGV now_ms:clock, visitor_id, ended_channel
-- USES room, endings, wanted, networks, turns, early_ends
-- REPLY unknown | left|done|expired|no_show|absent
if not read_room() then return { 'unknown' } end
local word, number = find_place(visitor_id)
if word == 'active' then
  note_early_end(visitor_id)
  end_session(visitor_id, 'done')
  tell_early_ends()
elseif word == 'called' then
  end_call(visitor_id, 'left', 'left')
elseif word then
  redis.call('ZREM', waiting, visitor_id)
  redis.call('ZREM', prequeue, visitor_id)
  forget_wanted(visitor_id, false)
  forget_network(visitor_id)
  m.left = m.left + 1
  finish(visitor_id, 'left', number)
end
if m.changed then save_meter() end
return { (ending_of(visitor_id)) or 'absent' }
