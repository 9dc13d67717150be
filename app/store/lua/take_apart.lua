-- Splits batches: each of their submissions becomes an entry of its own in the other stream, where it can be
-- processed alone. A batch that was already settled or split is skipped.
-- KEYS submissions, batches, batched
-- ARGV group
-- RECORD entry_id
-- REPLY (moved)
-- How many submissions were moved. Field `a` of their entries is when they were accepted.
local REQUEST, moved = '^([^|]*|[^|]*|[^|]*|[^|]*|[^|]*)', 0
for entry_id in records() do
  local entry, fields, lines = redis.call('XRANGE', batches, entry_id, entry_id)[1], {}, 0
  if entry then
    for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
    for line in string.gmatch(fields.b, '[^\n]+') do
      local request, traceparent, terms = string.match(line, REQUEST .. '|([^|]*)|(.*)$')
      redis.call('XADD', submissions, '*', 's', request or line, 'd', fields.o .. '|' .. (terms or ''),
        't', traceparent or '', 'a', string.match(entry_id, '%d+'))
      lines = lines + 1
    end
    redis.call('XACK', batches, group, entry_id)
    redis.call('XDEL', batches, entry_id)
    redis.call('HINCRBY', batched, 'taken', -lines)
    moved = moved + lines
  end
end
return moved
