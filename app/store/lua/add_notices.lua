-- Appends notices, in order, to the stream that other systems read; the oldest are trimmed.
-- KEYS events
-- ARGV entries_max
-- RECORD notice_id, type_, at, data
-- REPLY (entry_id)
-- The id of the last entry.
local last
for notice_id, type_, at, data in records() do
  last = redis.call('XADD', events, 'MAXLEN', '~', entries_max, '*',
    'id', notice_id, 'type', type_, 'timestamp', at, 'data', data)
end
return last
