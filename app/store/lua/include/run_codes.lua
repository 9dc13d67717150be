-- The length of a run of adjacent seats as one character, greater for longer runs. `%` and `^` are left out
-- because the characters are used in patterns.
-- GIVES run_code, longest_run, for_all
local function run_code(length)
  local code = math.min(length, 100) + 1
  if code >= 37 then code = code + 1 end
  if code >= 94 then code = code + 1 end
  return string.char(code)
end
local function longest_run(states)
  local longest = 0
  for run in string.gmatch(states, 'f+') do longest = math.max(longest, #run) end
  return longest
end
-- The states of the seats that the best ones are chosen from: accessible and companion seats are chosen by
-- name alone. `kinds` is a string beside `states`, or empty.
local function for_all(states, kinds)
  if kinds == '' then return states end
  local all = {}
  for at = 1, #states do
    local kind = string.sub(kinds, at, at)
    all[at] = (kind == 'a' or kind == 'c') and '-' or string.sub(states, at, at)
  end
  return table.concat(all)
end
