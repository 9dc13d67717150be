-- Like wrk.lua, but requests are sent on a schedule, however slow the responses. Arguments: ... RATE (per second).
-- Latency is measured from the time a request was due, even if it could not be sent then because every connection
-- was waiting for a response. The server's X-Request-Id says which request a response belongs to.
-- Writes FOLDER/latencies.N: one per line, in microseconds.
dofile(debug.getinfo(1, 'S').source:match('^@(.*/)') .. 'wrk.lua')
local begin, take, count = init, request, response
local waiting, first, last, due_at = {}, 1, 0, {}

function init(arguments)
  begin(arguments)
  every_us = 1e6 * tonumber(arguments[2]) / tonumber(arguments[5])
  latencies = io.open(arguments[1] .. '/latencies.' .. number, 'w')
end
function delay()
  if last == 0 then first_us = now_us() end
  waiting[last + 1], last = first_us + last * every_us, last + 1
  return math.max(0, math.floor((waiting[last] - now_us()) / 1e3))
end
function request()
  local before, text = sent, take()
  if sent == before then return text end
  due_at[sent] = math.min(waiting[first], now_us()) -- wrk's timers may be a millisecond early
  waiting[first], first = nil, first + 1
  return (text:gsub('\r\n', '\r\nX-Request-Id: ' .. sent .. '\r\n', 1))
end
function response(status, headers, body)
  local id = tonumber(headers['x-request-id'] or headers['X-Request-Id'])
  latencies:write(now_us() - due_at[id], '\n')
  due_at[id] = nil
  count(status, headers, body)
end
