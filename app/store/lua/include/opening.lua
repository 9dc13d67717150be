-- Sets the next numbers aside for a lottery's pre-queue. Neither these nor later ones are issued before they
-- are stored in Postgres: so `numbers_reserved` is lowered.
-- NEEDS capacity, conf, config, note, now_ms, prequeue, progress, settle_bucket, sizes, state, waiting
-- GIVES keep_numbers_for_draw, enter_state
local function keep_numbers_for_draw()
  progress.draw_first = progress.last_number + 1
  progress.draw_next = progress.draw_first
  progress.draw_last = progress.last_number + sizes.prequeue
  progress.last_number = progress.draw_last
  progress.numbers_reserved = math.min(progress.numbers_reserved, progress.draw_last)
end
-- The first opening: the bucket is full and the pre-queue becomes the queue. In a fifo room it already has
-- numbers and is renamed as it is.
local function first_opening()
  config.opened_at_ms = now_ms
  redis.call('HSET', conf, 'opened_at_ms', now_ms)
  progress.level = capacity()
  progress.tick_ms = now_ms
  if config.method == 'lottery' then
    keep_numbers_for_draw()
  elseif sizes.prequeue > 0 and sizes.waiting == 0 then
    redis.call('RENAME', prequeue, waiting)
    sizes.waiting = sizes.prequeue
    sizes.prequeue = 0
  elseif sizes.prequeue > 0 then
    redis.call('ZUNIONSTORE', waiting, 2, waiting, prequeue)
    redis.call('DEL', prequeue)
    sizes.waiting = sizes.waiting + sizes.prequeue
    sizes.prequeue = 0
  end
end
local function enter_state(to)
  settle_bucket()
  if to == 'open' and config.opened_at_ms == 0 then first_opening() end
  if to == 'closed' then redis.call('HSET', conf, 'closed_at_ms', now_ms) end
  redis.call('HSET', conf, 'state', to)
  config.state = to
  note('state ' .. to)
  state = to
  if (progress.moved_ms or 0) > 0 then progress.moved_ms = now_ms end
  progress.changed = true
end
