-- Notes the room's settings that decide who is called, and how fast, for its public log.
-- NEEDS config, note
-- GIVES note_settings
local FIELDS = {
  'rate', 'burst', 'active_max', 'claim_window_ms', 'per_network', 'visitors_per_ticket', 'newcomers',
  'suspects', 'work', 'captcha', 'identity', 'parts',
}
local function note_settings(was)
  for _, field in ipairs(FIELDS) do
    if (was[field] or 0) ~= (config[field] or 0) then note('set ' .. field .. ' ' .. (config[field] or 0)) end
  end
  if was.lanes ~= config.lanes then note('lanes ' .. (config.lanes or '100')) end
end
