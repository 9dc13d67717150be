-- Sends prepared requests and reports the responses as one JSON line after wrk's own report.
-- wrk loads this file once per thread, each time into a separate Lua state, and once more for `setup` and `done`.
-- Arguments: FOLDER THREADS CAPTURE once|again
--   FOLDER/request  one HTTP request; {1} {2} ... stand for the tab-separated columns of a line
--   FOLDER/lines    each thread takes its share, each line once or repeatedly; empty: always the same request
--   CAPTURE         a pattern; its matches in bodies of successful responses go to FOLDER/captured.N; '-': none
local ffi, threads = require('ffi'), {}
ffi.cdef('typedef struct { long s, ns; } moment; int clock_gettime(int, moment *);')
local at = ffi.new('moment')
function now_us()
  ffi.C.clock_gettime(1, at)
  return tonumber(at.s) * 1e6 + tonumber(at.ns) / 1e3
end
function setup(thread) threads[#threads + 1] = thread; thread:set('number', #threads) end
function init(arguments)
  local folder, thread_count, line_number = arguments[1], tonumber(arguments[2]), 0
  local template = io.open(folder .. '/request'):read('*a')
  prepared, answered, sent, received, begun_us, ended_us = {}, {}, 0, 0, 0, 0
  for line in io.lines(folder .. '/lines') do
    line_number = line_number + 1
    if line_number % thread_count == number - 1 then
      local columns = {}
      for column in line:gmatch('[^\t]+') do columns[#columns + 1] = column end
      prepared[#prepared + 1] = template:gsub('{(%d)}', function(i) return columns[tonumber(i)] end)
    end
  end
  once = arguments[4] == 'once' and line_number > 0
  prepared[1] = prepared[1] or template
  if arguments[3] ~= '-' then capture, captured = arguments[3], io.open(folder .. '/captured.' .. number, 'w') end
  rehearsal, cpu_s = number == 1, os.clock() -- wrk requests one from the first thread that it does not send
end
function request()
  if rehearsal then rehearsal = false; return prepared[1] end
  if once and sent == #prepared then return '' end -- sends nothing, and this connection stays idle
  if sent == 0 then begun_us = now_us() end
  sent = sent + 1
  return prepared[(sent - 1) % #prepared + 1]
end
function response(status, _, body)
  local word = status .. ''
  answered[word], received, ended_us = (answered[word] or 0) + 1, received + 1, now_us()
  if captured and status < 300 then captured:write(body:match(capture) or '', '\n') end
  if once and received == #prepared then io.write('exhausted\n'); io.flush(); wrk.thread:stop() end
end
function done(summary, latency)
  local counts, words, begun, ended, prepared_s = {}, {}, math.huge, 0, 0
  for _, thread in ipairs(threads) do
    for word, n in pairs(thread:get('answered')) do counts[word] = (counts[word] or 0) + n end
    prepared_s = math.max(prepared_s, thread:get('cpu_s'))
    if thread:get('received') > 0 then
      begun, ended = math.min(begun, thread:get('begun_us')), math.max(ended, thread:get('ended_us'))
    end
  end
  for word, n in pairs(counts) do words[#words + 1] = ('"%s":%d'):format(word, n) end
  local errors, seconds = summary.errors, math.max(0, ended - begun) / 1e6
  local text = '{"answered":{%s},"broken":%d,"timed_out":%d,"seconds":%f,"p50_ms":%.3f,"p99_ms":%.3f,"cpu_s":%.3f}\n'
  io.write(text:format(table.concat(words, ','), errors.connect + errors.read + errors.write, errors.timeout, seconds,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, os.clock() - prepared_s))
end
