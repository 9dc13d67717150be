-- Adds granted requests to a stream, for a worker: as one entry of `batches`, or, with `as_one` 0 because
-- some workers may not read those yet, as one entry each of `submissions`.
-- NEEDS as_one, batched, batches, submissions
-- GIVES take_in, write_taken_in
local taken_in = {} -- the lines of the entry, or what goes into an entry each
-- Returns how many have been added so far.
local function take_in(request, traceparent, terms)
  local it = as_one == 1 and request .. '|' .. traceparent .. '|' .. terms or {request, traceparent, terms}
  taken_in[#taken_in + 1] = it
  return #taken_in
end
-- `origin` is epoch|event_id.
local function write_taken_in(origin)
  if #taken_in == 0 then return end
  if as_one == 1 then
    redis.call('XADD', batches, '*', 'o', origin, 'b', table.concat(taken_in, '\n'))
    redis.call('HINCRBY', batched, 'taken', #taken_in)
    return
  end
  for _, it in ipairs(taken_in) do
    local fields = {'s', it[1], 'd', origin .. '|' .. it[3]}
    if it[2] ~= '' then fields[5], fields[6] = 't', it[2] end
    redis.call('XADD', submissions, '*', unpack(fields))
  end
end
