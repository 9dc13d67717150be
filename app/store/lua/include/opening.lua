-- Keeps the next numbers for whoever stands in a lottery's pre-queue. None of them, and none behind them, is
-- given out before Postgres knows which they are: so `numbers_reserved` is cut.
-- NEEDS c, capacity, conf, m, n, now_ms, prequeue, settle_bucket, state, waiting
-- GIVES keep_numbers_for_draw, enter_state
local function keep_numbers_for_draw()
  m.draw_first = m.last_number + 1
  m.draw_next = m.draw_first
  m.draw_last = m.last_number + n.prequeue
  m.last_number = m.draw_last
  m.numbers_reserved = math.min(m.numbers_reserved, m.draw_last)
end
-- The first opening: the bucket is full and the pre-queue becomes the queue. That of a fifo room is numbered
-- already and turns into the queue as it is.
local function first_opening()
  c.opened_at_ms = now_ms
  redis.call('HSET', conf, 'opened_at_ms', now_ms)
  m.level = capacity()
  m.tick_ms = now_ms
  if c.method == 'lottery' then
    keep_numbers_for_draw()
  elseif n.prequeue > 0 and n.waiting == 0 then
    redis.call('RENAME', prequeue, waiting)
    n.waiting = n.prequeue
    n.prequeue = 0
  elseif n.prequeue > 0 then
    redis.call('ZUNIONSTORE', waiting, 2, waiting, prequeue)
    redis.call('DEL', prequeue)
    n.waiting = n.waiting + n.prequeue
    n.prequeue = 0
  end
end
local function enter_state(to)
  settle_bucket()
  if to == 'open' and c.opened_at_ms == 0 then first_opening() end
  if to == 'closed' then redis.call('HSET', conf, 'closed_at_ms', now_ms) end
  redis.call('HSET', conf, 'state', to)
  c.state = to
  state = to
  m.changed = true
end
