-- Decides reservation requests, once: repeats the outcome of known ones, refuses what has to be refused, and
-- lets each of the others take its tickets and adds them to a stream with their terms, for a worker to make
-- durable. Workers are notified only if nothing waited there: else one is reading it.
-- KEYS conf, active, stock, holds, allowance, buyers, submissions, outcomes, outcomes_before, seats, sitters
-- KEYS wanted, renewed, turnover, codes, batches, batched
-- ARGV now_ms:clock, event_id, backlog_max:num, channel, visitor_rate:num, visitor_burst:num
-- ARGV network_rate:num, network_burst:num, as_one:num
-- RECORD reservation_id, visitor_id, session_ms:num, fingerprint, instance, items, expected:num, network
-- RECORD traceparent
-- USES backlog, granting, loaded, outcomes, taking_in, turnover, wishes
-- REPLY unknown|other_event|restoring
-- EACH (word detail)
-- EACH queued|pending|known|reused|session_ended|backlog_full|unknown_type|seated_type|no_seats|limited
-- EACH companion_alone
-- EACH unknown_seat|seat_taken|not_on_sale|limit_exceeded|sold_out|price_changed|code_refused
-- Details: for known the outcome; for ..._type and no_seats the type; for limited visitor|network:MS; for
-- unknown_seat, seat_taken and companion_alone SEATS; for not_on_sale TYPE:from|until:MS; for price_changed
-- AMOUNT; for code_refused unknown|used_up|other or from|until:MS.
if not is_loaded(sale.run_id) then return {'unknown'} end
if sale.event_id ~= event_id then return {'other_event'} end
if sale.restoring == '1' then return {'restoring'} end
local before, waiting = backlog(), 0
local ids, visitors, from, refused, told, replies = {}, {}, {}, {}, {}, {}
for reservation_id, visitor_id, _, _, _, _, _, network in records() do
  ids[#ids + 1], visitors[#visitors + 1] = reservation_id, visitor_id
  from[#from + 1] = network
  refused[#refused + 1] = visitor_id .. ':refused' -- only the last refusal is stored: many would cost memory
end
read_turnover(visitors, from)
local decided, refusals, sessions = recall(ids), recall(refused), read_buyers(visitors)

local KEPT = {sold_out = true, limit_exceeded = true, seat_taken = true, not_on_sale = true,
  code_refused = true, companion_alone = true}
local function outcome_of(n, id)
  local last = refusals[n]
  return told[id] or decided[n] or last and string.sub(last, 1, #id) == id and string.sub(last, #id + 2)
end
-- Whether a token's session is still live; it may have been renewed since (`renew.lua`).
local function goes_on(visitor_id, session_ms, ends_ms)
  if session_ms <= now_ms or ends_ms < session_ms then return false end
  return ends_ms == session_ms or tonumber(redis.call('HGET', renewed, visitor_id) or ends_ms) <= session_ms
end
-- The word for a new request, and its detail: the terms where it is `queued`.
local function decide(reservation_id, visitor_id, session_ms, items, expected)
  local of_staff = session_ms == 0 -- for a guest; no token is signed with it
  local goes = of_staff or goes_on(visitor_id, session_ms, sessions[visitor_id])
  if not goes or wish(items).guest ~= of_staff then return 'session_ended' end
  local it, refusal, about = judge(items, visitor_id, expected)
  if refusal then return refusal, about end
  if before + waiting >= backlog_max then return 'backlog_full' end
  local terms = grant(reservation_id, visitor_id, it)
  return terms and 'queued' or 'sold_out', terms
end

for reservation_id, visitor_id, session_ms, fingerprint, instance, items, expected, network, traceparent
in records() do
  local n, word, detail = #replies / 2 + 1, too_often(visitor_id, network)
  local known, body, rest = outcome_of(n, reservation_id), nil, nil
  if known then body, rest = string.match(known, '^([^|]*)|(.*)$') end
  if word then
    body = nil
  elseif body then
    word = body ~= fingerprint and 'reused' or string.sub(rest, 1, 8) == 'pending|' and 'pending' or 'known'
    detail = word == 'known' and rest
  else
    word, detail = decide(reservation_id, visitor_id, session_ms, items, expected)
  end
  if word == 'queued' then
    local who = reservation_id .. '|' .. visitor_id
    waiting = take_in(who .. '|' .. fingerprint .. '|' .. instance .. '|' .. items, traceparent, detail)
    detail, told[reservation_id] = nil, fingerprint .. '|pending|' .. visitor_id
    remember(reservation_id, told[reservation_id])
  elseif not body and KEPT[word] then
    told[reservation_id] = fingerprint .. '|' .. word .. (detail and '|' .. visitor_id .. '|' .. detail or '')
    remember(refused[n], reservation_id .. '|' .. told[reservation_id])
  end
  replies[#replies + 1], replies[#replies + 2] = word, detail or ''
end
write_grants()
write_outcomes()
write_turnover()
write_taken_in(sale.epoch .. '|' .. event_id)
if before == 0 and waiting > 0 then redis.call('PUBLISH', channel, waiting) end
return replies
