-- Writes one record of a reply: a visitor's place, and how many tickets they want. Returns the index of the
-- next record.
-- NEEDS said
-- GIVES answer
local function answer(reply, at, visitor_id, word, number, ahead, deadline_ms, new)
  reply[at + 1] = word
  reply[at + 2] = number or 0
  reply[at + 3] = ahead or -1
  reply[at + 4] = deadline_ms or 0
  reply[at + 5] = new or 0
  reply[at + 6] = said(visitor_id)
  return at + 6
end
