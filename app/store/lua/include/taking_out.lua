-- Removes a visitor from wherever they are. Returns where that was (nil: nowhere) and their number.
-- NEEDS end_session, find_place, give_up_place, note_early_end, tell_early_ends
-- GIVES take_out
local function take_out(visitor_id)
  local word, number = find_place(visitor_id)
  if word == 'active' then
    note_early_end(visitor_id)
    end_session(visitor_id, 'done')
    tell_early_ends()
  else
    give_up_place(visitor_id, word, number)
  end
  return word, number
end
