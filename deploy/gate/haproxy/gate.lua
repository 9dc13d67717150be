-- Asks Fairgate's gate about each request. 204: the request may pass, perhaps with a pass cookie for the browser; any other
-- response is sent to the visitor instead.
-- The original request is described to the gate in headers that the visitor cannot set.
local NOT_HANDED_ON = {
  ['connection'] = true, ['content-length'] = true, ['host'] = true, ['transfer-encoding'] = true, ['expect'] = true,
  ['x-original-url'] = true, ['x-original-method'] = true,
}
local ANSWERED = { 'location', 'set-cookie', 'content-type', 'cache-control', 'x-fairgate-queue', 'retry-after' }

local function asked(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not NOT_HANDED_ON[name] then
      headers[name] = {}
      for i = 0, #values do headers[name][i + 1] = values[i] end
    end
  end
  headers['x-forwarded-for'] = { txn.f:src() }
  headers['x-forwarded-proto'] = { txn.f:ssl_fc() == 1 and 'https' or 'http' }
  headers['x-forwarded-host'] = { txn.sf:req_fhdr('host') }
  headers['x-forwarded-uri'] = { txn.sf:pathq() }
  headers['x-forwarded-method'] = { txn.sf:method() }
  return headers
end

core.register_action('fairgate', { 'http-req' }, function(txn, gate)
  local answer = core.httpclient():get({ url = gate, headers = asked(txn), timeout = 5000 })
  local told = answer.headers or {}
  if answer.status == 204 then
    if told['set-cookie'] then txn:set_var('txn.fairgate_cookie', told['set-cookie'][0]) end
    return
  end
  if not answer.status or answer.status == 0 or answer.status >= 500 then
    txn:set_var('txn.fairgate_away', 1)
    return
  end
  local reply = txn:reply()
  reply:set_status(answer.status)
  for _, name in ipairs(ANSWERED) do
    if told[name] then reply:add_header(name, told[name][0]) end
  end
  reply:set_body(answer.body or '')
  txn:done(reply)
end, 1)
