-- The room at this moment: the head of replies, and everything that depends on the time.
-- REPLY (now_ms version epoch state serving_position last_number waiting called active outflow free)
-- REPLY (opened_at_ms held pace blocked generation moved_ms)
-- NEEDS config, lanes_now, NOTICED_SOON_MS, NOTICED_WITHIN_MS, now_ms, progress, RESTORE_WINDOW_MAX_MS, sizes
-- NEEDS state
-- GIVES restored, blocked_by, head, is_over, later
-- Whether visitors have had time to come back after a restore. A window longer than the maximum means that
-- the clock was set back.
local function restored()
  local wait_ms = config.restore_until_ms - now_ms
  return config.restoring == 0 and (wait_ms <= 0 or wait_ms > RESTORE_WINDOW_MAX_MS)
end
-- Why nobody waiting in an open room can be called until something changes; '' where the queue moves.
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
-- The first HEAD values of a reply; -1: the room sells no tickets. In a room with lanes the serving position
-- is that of each lane, with how many wait there.
local function head(reply)
  reply[1] = now_ms; reply[2] = config.version; reply[3] = config.epoch; reply[4] = state
  reply[5] = config.lanes and lanes_now() or progress.serving_position
  reply[6] = progress.last_number
  reply[7] = sizes.waiting + sizes.prequeue; reply[8] = sizes.called; reply[9] = sizes.active
  reply[10] = progress.outflow; reply[11] = sizes.free or -1
  reply[12] = config.opened_at_ms; reply[13] = sizes.held or -1
  reply[14] = progress.pace and progress.pace .. ' ' .. (progress.ranges or '') or ''
  reply[15] = blocked_by(); reply[16] = config.generation or ''
  reply[17] = progress.moved_ms or 0
  return reply
end
-- Claim windows pause while a store is unavailable: the new deadline after an outage between two
-- moments. A visitor whose time ran out meanwhile gets some extra, to notice that everything works again;
-- less after a short outage, or a Postgres that is always slow would keep calls from ever lapsing. Never more
-- than a whole window.
local function later(deadline_ms, from_ms, until_ms)
  if deadline_ms <= from_ms then return deadline_ms end
  local stood_ms = until_ms - from_ms
  local rest_ms = math.max(NOTICED_SOON_MS, math.min(stood_ms, NOTICED_WITHIN_MS))
  local moved_ms = math.max(deadline_ms + stood_ms, now_ms + rest_ms)
  return math.max(deadline_ms, math.min(moved_ms, now_ms + config.claim_window_ms))
end
-- Whether a call has lapsed: not before both stores are known to have answered after its deadline, because an
-- outage may have kept the visitor from claiming.
local function is_over(deadline_ms)
  return deadline_ms <= now_ms and deadline_ms <= (progress.sure_ms or now_ms)
end
