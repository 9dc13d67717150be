-- Takes a visitor out of the room for ever, by staff; what they held stays theirs to pay or cancel.
-- KEYS conf, meter, prequeue, waiting, called, active, turns, ended, endings, removed, buyers, stock, wanted, early_ends
-- KEYS networks, renewed
-- ARGV now_ms:clock, visitor_id, ended_channel
-- USES room, wanted, networks, turns, early_ends
-- REPLY unknown | removed
if not read_room() then return { 'unknown' } end
local word = find_place(visitor_id)
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
end
redis.call('SADD', removed, visitor_id)
save_meter()
return { 'removed' }
