-- Who may not join, in a room that is for members until `members_until_ms`: visitors without a member's id
-- (`app/core/tokens/place_tokens.py`). Such ids are only created after a proof.
-- NEEDS config, MEMBER_ID_CHARS, now_ms
-- GIVES is_kept_out
local function is_kept_out(visitor_id)
  return now_ms < (config.members_until_ms or 0) and #visitor_id ~= MEMBER_ID_CHARS
end
