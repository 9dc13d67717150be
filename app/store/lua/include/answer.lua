-- One record of a reply: where a visitor stands, and how many tickets they said they want. Returns where the
-- next one begins.
-- NEEDS said
-- GIVES answer
local function answer(reply, at, visitor_id, word, number, ahead, deadline_ms, new)
  reply[at + 1], reply[at + 2], reply[at + 3] = word, number or 0, ahead or -1
  reply[at + 4], reply[at + 5], reply[at + 6] = deadline_ms or 0, new or 0, said(visitor_id)
  return at + 6
end
