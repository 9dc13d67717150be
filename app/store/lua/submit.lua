-- Takes reservation requests in: repeats what is decided, refuses what has to be, streams the rest once each.
-- KEYS conf, active, stock, allowance, submissions, outcomes, outcomes_before
-- ARGV now_ms:clock, event_id, backlog_max:num
-- RECORD reservation_id, visitor_id, session_ms:num, fingerprint, instance, quantity:num, items
-- USES outcomes
-- REPLY unknown | other_event | restoring for all; else for each a word and a detail:
-- REPLY queued | pending | known OUTCOME | reused | session_ended | unknown_type TYPE | backlog_full
-- REPLY limit_exceeded | sold_out
local room = redis.call('HMGET', conf, 'version', 'event_id', 'restoring', 'max_tickets')
if not room[1] then return {'unknown'} end
if room[2] ~= event_id then return {'other_event'} end
if room[3] == '1' then return {'restoring'} end
local max_tickets, backlog = tonumber(room[4]), redis.call('XLEN', submissions)
local free, replies = {}, {}

local function repeated(outcome, fingerprint)
  local body, rest = string.match(outcome, '^([^|]*)|(.*)$')
  if body ~= fingerprint then return 'reused' end
  if string.sub(rest, 1, 8) == 'pending|' then return 'pending' end
  return 'known', rest
end
local function lacking(items)
  for ticket_type, quantity in string.gmatch(items, '([^:,]+):(%d+)') do
    if free[ticket_type] == nil then
      free[ticket_type] = tonumber(redis.call('HGET', stock, 'free:' .. ticket_type) or nil) or false
    end
    if not free[ticket_type] then return 'unknown_type', ticket_type end
    if free[ticket_type] < tonumber(quantity) then return 'sold_out' end
  end
end

for reservation_id, visitor_id, session_ms, fingerprint, instance, quantity, items in records() do
  local word, detail
  local refused = visitor_id .. ':refused'
  local outcome = outcome_of(reservation_id, refused)
  if outcome then
    word, detail = repeated(outcome, fingerprint)
  elseif session_ms <= now_ms or tonumber(redis.call('ZSCORE', active, visitor_id) or 0) ~= session_ms then
    word = 'session_ended'
  else
    word, detail = lacking(items)
    if word ~= 'unknown_type' and (redis.call('HGET', allowance, visitor_id) or 0) + quantity > max_tickets then
      word = 'limit_exceeded'
    end
    if word == 'sold_out' or word == 'limit_exceeded' then
      redis.call('HSET', outcomes, refused, reservation_id .. '|' .. fingerprint .. '|' .. word)
    elseif not word and backlog >= backlog_max then
      word = 'backlog_full'
    elseif not word then
      redis.call('XADD', submissions, '*', 's',
        table.concat({reservation_id, visitor_id, fingerprint, instance, items}, '|'))
      redis.call('HSET', outcomes, reservation_id, fingerprint .. '|pending|' .. visitor_id)
      word, backlog = 'queued', backlog + 1
    end
  end
  replies[#replies + 1], replies[#replies + 2] = word, detail or ''
end
redis.call('EXPIRE', outcomes, 172800)
return replies
