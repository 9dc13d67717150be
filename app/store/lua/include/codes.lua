-- The effect of codes. In `codes`, code:CODE is the id of the set a code belongs to, set:ID is
-- FROM|UNTIL|USES|PERCENT|EACH|ORDER|TYPE,TYPE (times in ms, amounts in minor units; no type: all of them),
-- used:CODE is how many live reservations use it. A code with `wrong` cannot be used now.
-- NEEDS codes, now_ms
-- GIVES read_code, opened_by, reduced, reduction, use_code, write_codes
local SET, read_codes = '^(%d*)|(%d*)|(%d+)|(%d+)|(%d+)|(%d+)|(.*)$', {}
local function read_code(name)
  if read_codes[name] then return read_codes[name] end
  local found, it = redis.call('HMGET', codes, 'code:' .. name, 'used:' .. name), {name = name, named = {}}
  local text = found[1] and redis.call('HGET', codes, 'set:' .. found[1])
  local from, until_ms, uses, percent, each, order, types = string.match(text or '', SET)
  read_codes[name], it.used, it.uses = it, tonumber(found[2] or 0), tonumber(uses or 0)
  it.percent, it.each, it.order = tonumber(percent or 0), tonumber(each or 0), tonumber(order or 0)
  for ticket_type in string.gmatch(types or '', '[^,]+') do it.named[ticket_type], it.some = true, true end
  if not uses then
    it.wrong = 'unknown'
  elseif from ~= '' and now_ms < tonumber(from) then
    it.wrong = 'from:' .. from
  elseif until_ms ~= '' and now_ms >= tonumber(until_ms) then
    it.wrong = 'until:' .. until_ms
  end
  return it
end
-- A hidden type is opened by a code that names it.
local function opened_by(code, ticket_type)
  return code and not code.wrong and code.named[ticket_type] or false
end
-- The price of a ticket with a code; half a minor unit is rounded in the buyer's favour.
local function reduced(code, ticket_type, price)
  price = tonumber(price)
  if not code or code.some and not code.named[ticket_type] then return price end
  return math.max(0, price - math.floor((price * code.percent + 50) / 100) - code.each)
end
-- The discount on the sum of the lines a code applies to, and whether there are any.
local function reduction(code, sums)
  local sum, any = 0, false
  for ticket_type, amount in pairs(sums) do
    if not code.some or code.named[ticket_type] then sum, any = sum + amount, true end
  end
  return math.min(code.order, sum), any
end
local used_now = {}
local function use_code(code)
  code.used = code.used + 1
  used_now[#used_now + 1], used_now[#used_now + 2] = 'used:' .. code.name, code.used
end
local function write_codes()
  if #used_now > 0 then redis.call('HSET', codes, unpack(used_now)) end
end
