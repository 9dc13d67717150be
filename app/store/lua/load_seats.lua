-- Loads the seats of a ticket type from Postgres, free or blocked; all of a type at once. Seats already in
-- Redis keep their state; a section that has grown gets its new seats. Sections only grow, so if there are
-- fewer rows than in Redis, they were read before the section grew, and nothing is done.
-- KEYS conf, seats
-- ARGV ticket_type_id
-- RECORD name, first:num, states, kinds, labels
-- USES loaded, run_codes
-- REPLY unknown | loaded (rows)
-- loaded: how many rows were new or longer.
if not is_loaded(redis.call('HGET', conf, 'run_id')) then return {'unknown'} end
local there = redis.call('HGET', seats, 'runs:' .. ticket_type_id) or ''
local number, size, changed, codes = 0, 0, 0, {}
for _ in records() do number = number + 1 end
if number < #there then return {'loaded', 0} end
-- Merges the states of both; those in Redis take precedence over those read.
local function merged(text, first, states)
  local from, here = string.match(text, '^%d+|(%d+)|(.*)$')
  from = tonumber(from)
  local start, stop, all = math.min(from, first), math.max(from + #here, first + #states) - 1, {}
  for at = start, stop do
    local old = at >= from and string.sub(here, at - from + 1, at - from + 1) or ''
    local new = at >= first and string.sub(states, at - first + 1, at - first + 1) or ''
    all[#all + 1] = old ~= '' and old ~= '-' and old or new ~= '' and new or '-'
  end
  return start, table.concat(all)
end
local function keep(field, value)
  if value ~= '' then redis.call('HSET', seats, field, value) else redis.call('HDEL', seats, field) end
end
number = 0
for name, first, states, kinds, labels in records() do
  number = number + 1
  local text, length = redis.call('HGET', seats, 'row:' .. name), #states
  if text then first, states = merged(text, first, states) end
  local now = number .. '|' .. string.format('%.0f', first) .. '|' .. states
  if text ~= now then
    changed = changed + 1
    redis.call('HSET', seats, 'row:' .. name, now, 'label:' .. ticket_type_id .. ':' .. number, name)
  end
  if #states == length then
    keep('kinds:' .. name, kinds)
    keep('labels:' .. name, labels)
  end
  codes[number] = run_code(longest_run(for_all(states, #states == length and kinds or '')))
  size = size + #string.gsub(states, '%-', '')
end
if number > 0 then
  redis.call('HSET', seats, 'runs:' .. ticket_type_id, table.concat(codes), 'size:' .. ticket_type_id, size)
end
return {'loaded', changed}
