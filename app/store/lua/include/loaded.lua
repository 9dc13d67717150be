-- Whether this server has loaded the room: not if it is empty, was restarted, or was promoted from a replica.
-- In the last two cases it may have lost a second, so nothing in it counts before `restore.lua` has run.
-- GIVES is_loaded
local function is_loaded(run_id)
  return run_id and string.find(redis.call('INFO', 'server'), run_id, 1, true) ~= nil
end
