-- What happened in the queue, for its public log; a worker writes it there (`app/waiting_room/room_log.py`).
-- One entry of the stream holds all that a run of a script noted: it costs a batch, not a visitor.
-- `log_noted` counts what was noted, also what is beyond the cap: so the log can say how much it lacks.
-- NEEDS log, LOG_PENDING_MAX, meter, now_ms, progress
-- GIVES note, write_log
local noted = {}
local function note(text) noted[#noted + 1] = text end
-- Writes what was noted, in its order. Each script that notes anything calls it last.
local function write_log()
  if #noted == 0 then return end
  local before = progress.log_noted or 0
  progress.log_noted = before + #noted
  redis.call('HSET', meter, 'log_noted', progress.log_noted)
  if progress.log_noted - (progress.log_taken or 0) > LOG_PENDING_MAX then return end
  redis.call('XADD', log, '*', 'n', before, 't', now_ms, 'e', table.concat(noted, '\n'))
end
