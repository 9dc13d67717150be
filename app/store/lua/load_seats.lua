-- Loads the seats of a ticket type from Postgres, all of them free. Seats already in Redis are not changed.
-- KEYS conf, seats
-- ARGV ticket_type_id
-- RECORD name, first, states
-- USES loaded, run_codes
-- REPLY unknown | loaded (rows)
if not is_loaded(redis.call('HGET', conf, 'run_id')) then return {'unknown'} end
if redis.call('HEXISTS', seats, 'runs:' .. ticket_type_id) == 1 then return {'loaded', 0} end
local codes = {}
for name, first, states in records() do
  local number = #codes + 1
  redis.call('HSET', seats, 'row:' .. name, number .. '|' .. first .. '|' .. states,
    'label:' .. ticket_type_id .. ':' .. number, name)
  codes[number] = run_code(longest_run(states))
end
if #codes > 0 then redis.call('HSET', seats, 'runs:' .. ticket_type_id, table.concat(codes)) end
return {'loaded', #codes}
