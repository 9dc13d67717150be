-- Asks Fairgate's gate about each request. 204: the request may pass, perhaps with a pass cookie for the browser; any other
-- response is sent to the visitor instead.
-- The original request is described to the gate in headers that the visitor cannot set.
local http = require 'socket.http'
local ltn12 = require 'ltn12'

local TIMEOUT_S = 5
local NOT_HANDED_ON = {
  ['connection'] = true, ['content-length'] = true, ['host'] = true, ['transfer-encoding'] = true, ['expect'] = true,
  ['te'] = true, ['upgrade'] = true, ['accept-encoding'] = true, ['x-original-url'] = true, ['x-original-method'] = true,
  ['x-original-fetch-mode'] = true, ['x-forwarded-port'] = true, ['forwarded'] = true,
}
local ANSWERED = { 'location', 'set-cookie', 'cache-control', 'x-fairgate-queue', 'retry-after' }

local function asked(r)
  local headers = {}
  for name, value in pairs(r:headers_in_table()) do
    if not NOT_HANDED_ON[name:lower()] then headers[name:lower()] = value end
  end
  headers['x-forwarded-for'] = r.useragent_ip
  headers['x-forwarded-proto'] = r.is_https and 'https' or 'http'
  headers['x-forwarded-host'] = r.headers_in['Host']
  headers['x-forwarded-uri'] = r.unparsed_uri
  headers['x-forwarded-method'] = r.method
  return headers
end

function gate(r)
  local address = r.subprocess_env['FAIRGATE_GATE']
  if not address or r.main then return apache2.DECLINED end
  http.TIMEOUT = TIMEOUT_S
  local body = {}
  local answered, status, told = http.request({
    url = address, headers = asked(r), redirect = false, sink = ltn12.sink.table(body),
  })
  if not answered or status >= 500 or status == 404 then
    if r.subprocess_env['FAIRGATE_FAIL_OPEN'] then return apache2.DECLINED end
    r.err_headers_out['Retry-After'] = '5'
    return 503
  end
  if status == 204 then
    if told['set-cookie'] then r.err_headers_out['Set-Cookie'] = told['set-cookie'] end
    return apache2.DECLINED
  end
  for _, name in ipairs(ANSWERED) do
    if told[name] then r.headers_out[name] = told[name] end
  end
  r.status = status
  r.content_type = told['content-type'] or 'text/plain'
  r:puts(table.concat(body))
  return apache2.DONE
end
