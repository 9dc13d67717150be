-- The room at this moment: what it tells of itself, and what of it depends on the time.
-- Whether who was here before a restore has had time to return. No window is so long: then the clock was set
-- back.
-- REPLY (now_ms version epoch state serving_position last_number waiting called active outflow free)
-- REPLY (opened_at_ms held pace blocked generation moved_ms)
-- NEEDS config, NOTICED_SOON_MS, NOTICED_WITHIN_MS, now_ms, progress, RESTORE_WINDOW_MAX_MS, sizes, state
-- GIVES restored, blocked_by, head, is_over, later
local function restored()
  local wait_ms = config.restore_until_ms - now_ms
  return config.restoring == 0 and (wait_ms <= 0 or wait_ms > RESTORE_WINDOW_MAX_MS)
end
-- Why nobody who waits in an open room can be called, however long they wait, until something changes; ''
-- where the queue moves.
local function blocked_by()
  if state ~= 'open' then return '' end
  if config.rate == 0 then return 'rate' end
  if config.event_id ~= '' then
    if not sizes.free or sizes.free == 0 and sizes.held == 0 then return 'nothing_on_sale' end
    if sizes.free == 0 then return 'held' end
    if progress.off_sale and progress.off_sale ~= '' then return progress.off_sale end
  end
  return config.active_max > 0 and sizes.called + sizes.active >= config.active_max and 'cap' or ''
end
-- The first values of a reply, HEAD of them; -1: no tickets to speak of.
local function head(reply)
  reply[1] = now_ms; reply[2] = config.version; reply[3] = config.epoch; reply[4] = state
  reply[5] = progress.serving_position; reply[6] = progress.last_number
  reply[7] = sizes.waiting + sizes.prequeue; reply[8] = sizes.called; reply[9] = sizes.active
  reply[10] = progress.outflow; reply[11] = sizes.free or -1
  reply[12] = config.opened_at_ms; reply[13] = sizes.held or -1
  reply[14] = progress.pace or ''; reply[15] = blocked_by(); reply[16] = config.generation or ''
  reply[17] = progress.moved_ms or 0
  return reply
end
-- While a store is unavailable nobody can claim, so claim windows stand still: what becomes of a deadline
-- where they stood from one moment to another. Whose time came to its end meanwhile gets some to notice that
-- everything works again; less after short outages, or a Postgres that is slow all the time would keep calls
-- from ever lapsing. Nobody gets more than a whole window.
local function later(deadline_ms, from_ms, until_ms)
  if deadline_ms <= from_ms then return deadline_ms end
  local stood_ms = until_ms - from_ms
  local rest_ms = math.max(NOTICED_SOON_MS, math.min(stood_ms, NOTICED_WITHIN_MS))
  local moved_ms = math.max(deadline_ms + stood_ms, now_ms + rest_ms)
  return math.max(deadline_ms, math.min(moved_ms, now_ms + config.claim_window_ms))
end
-- Whether a call is over: not before both stores are known to have answered after its deadline, as it may be
-- they that kept the visitor from claiming.
local function is_over(deadline_ms)
  return deadline_ms <= now_ms and deadline_ms <= (progress.sure_ms or now_ms)
end
