-- Adds notices to the stream that other systems read, in order; the oldest fall out at the other end.
-- KEYS events
-- ARGV entries_max
-- RECORD notice_id, type_, at, data
-- REPLY (entry_id)
-- The id is of the last entry.
local last
for notice_id, type_, at, data in records() do
  last = redis.call('XADD', events, 'MAXLEN', '~', entries_max, '*',
    'id', notice_id, 'type', type_, 'timestamp', at, 'data', data)
end
return last
