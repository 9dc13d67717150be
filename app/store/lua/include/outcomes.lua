-- What is known of a reservation id: today's outcomes, then yesterday's, then the visitor's last refusal.
-- Of refusals only the last one per visitor is kept: a refusal costs nothing, so its memory has to be bounded.
local days = {outcomes}
if redis.call('EXISTS', outcomes_before) == 1 then days[2] = outcomes_before end
local function outcome_of(id, refused)
  for _, day in ipairs(days) do
    local found = redis.call('HMGET', day, id, refused)
    if found[1] then return found[1] end
    if found[2] and string.sub(found[2], 1, #id) == id then return string.sub(found[2], #id + 2) end
  end
end
