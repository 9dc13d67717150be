-- Events of the queue for its public log; a worker writes them there (`app/waiting_room/room_log.py`). One
-- entry of the stream holds everything noted by one run of a script, so the cost is per batch, not per
-- visitor. `log_noted` also counts what exceeds the cap, so that the log can report how much is missing.
-- NEEDS log, LOG_PENDING_MAX, meter, now_ms, progress
-- GIVES note, write_log
local noted = {}
local function note(text) noted[#noted + 1] = text end
-- Writes what was noted, in order. Each script that notes anything must call it last.
local function write_log()
  if #noted == 0 then return end
  local before = progress.log_noted or 0
  progress.log_noted = before + #noted
  redis.call('HSET', meter, 'log_noted', progress.log_noted)
  if progress.log_noted - (progress.log_taken or 0) > LOG_PENDING_MAX then return end
  redis.call('XADD', log, '*', 'n', before, 't', now_ms, 'e', table.concat(noted, '\n'))
end
