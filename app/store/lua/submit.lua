-- Accepts reservation requests: repeats the outcome of known ones, refuses what has to be refused, and adds
-- each of the others to the stream once. Workers are notified only if the stream was empty: else one is
-- reading it.
-- KEYS conf, active, stock, allowance, submissions, outcomes, outcomes_before, seats, sitters, renewed
-- KEYS turnover
-- ARGV now_ms:clock, event_id, backlog_max:num, channel, visitor_rate:num, visitor_burst:num
-- ARGV network_rate:num, network_burst:num
-- RECORD reservation_id, visitor_id, session_ms:num, fingerprint, instance, items, expected:num, network
-- RECORD traceparent
-- USES loaded, named_seats, outcomes, turnover, wishes
-- REPLY unknown|other_event|restoring
-- EACH (word detail)
-- EACH queued|pending|known|reused|session_ended|backlog_full|unknown_type|seated_type|no_seats|limited
-- EACH unknown_seat|seat_taken|not_on_sale|limit_exceeded|sold_out|price_changed
-- Details: for known the outcome; for ..._type and no_seats the type; for limited visitor|network:MS; for
-- unknown_seat and seat_taken SEATS; for not_on_sale TYPE:from|until:MS; for price_changed AMOUNT.
local room = redis.call('HMGET', conf, 'run_id', 'event_id', 'restoring', 'max_tickets')
if not is_loaded(room[1]) then return {'unknown'} end
if room[2] ~= event_id then return {'other_event'} end
if room[3] == '1' then return {'restoring'} end
local max_tickets, before = tonumber(room[4]), redis.call('XLEN', submissions)
local backlog, ids, visitors, from, refused, told, replies = before, {}, {}, {}, {}, {}, {}
for reservation_id, visitor_id, _, _, _, _, _, network in records() do
  ids[#ids + 1], visitors[#visitors + 1] = reservation_id, visitor_id
  from[#from + 1] = network
  refused[#refused + 1] = visitor_id .. ':refused' -- only the last refusal is stored: many would cost memory
end
read_turnover(visitors, from)
local decided, refusals = recall(ids), recall(refused)
local sessions = redis.call('ZMSCORE', active, unpack(visitors))
local had = redis.call('HMGET', allowance, unpack(visitors))

local KEPT = {sold_out = true, limit_exceeded = true, seat_taken = true, not_on_sale = true}
local function outcome_of(n, id)
  local last = refusals[n]
  return told[id] or decided[n] or last and string.sub(last, 1, #id) == id and string.sub(last, #id + 2)
end
-- Whether a token's session is still live; it may have been renewed since (`renew.lua`).
local function goes_on(visitor_id, session_ms, ends_ms)
  if session_ms <= now_ms or ends_ms < session_ms then return false end
  return ends_ms == session_ms or tonumber(redis.call('HGET', renewed, visitor_id) or ends_ms) <= session_ms
end
local function judge(n, visitor_id, session_ms, items, expected)
  if not goes_on(visitor_id, session_ms, tonumber(sessions[n] or 0)) then return 'session_ended' end
  local it, refusal, which = wish(items), nil, nil
  if it.wrong then return it.wrong, it.about end
  it, refusal, which = name_seats(it, visitor_id)
  if refusal then return refusal, which end
  if (had[n] or 0) + it.count > max_tickets then return 'limit_exceeded' end
  if expected >= 0 and expected ~= it.amount then return 'price_changed', string.format('%.0f', it.amount) end
  return not enough(it) and 'sold_out' or backlog >= backlog_max and 'backlog_full' or 'queued'
end

for reservation_id, visitor_id, session_ms, fingerprint, instance, items, expected, network, traceparent
in records() do
  local n, word, detail = #replies / 2 + 1, too_often(visitor_id, network)
  local body, rest = string.match(outcome_of(n, reservation_id) or '', '^([^|]*)|(.*)$')
  if word then
    body = nil
  elseif body then
    word = body ~= fingerprint and 'reused' or string.sub(rest, 1, 8) == 'pending|' and 'pending' or 'known'
    detail = word == 'known' and rest
  else
    word, detail = judge(n, visitor_id, session_ms, items, expected)
  end
  if word == 'queued' then
    local entry = {reservation_id, visitor_id, fingerprint, instance, items}
    local fields = {'s', table.concat(entry, '|')}
    if traceparent ~= '' then fields[3], fields[4] = 't', traceparent end
    redis.call('XADD', submissions, '*', unpack(fields))
    backlog, told[reservation_id] = backlog + 1, fingerprint .. '|pending|' .. visitor_id
    remember(reservation_id, told[reservation_id])
  elseif not body and KEPT[word] then
    told[reservation_id] = fingerprint .. '|' .. word .. (detail and '|' .. visitor_id .. '|' .. detail or '')
    remember(refused[n], reservation_id .. '|' .. told[reservation_id])
  end
  replies[#replies + 1], replies[#replies + 2] = word, detail or ''
end
write_outcomes()
write_turnover()
if before == 0 and backlog > 0 then redis.call('PUBLISH', channel, backlog) end
return replies
