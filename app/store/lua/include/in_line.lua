-- The place of a waiting visitor: word, number, how many are ahead in their lane, 0; else nil.
-- NEEDS config, LANE_BAND, number_of, prequeue, progress, sizes, waiting
-- GIVES find_in_line
local function find_in_line(visitor_id)
  local score = tonumber(redis.call('ZSCORE', waiting, visitor_id))
  if score then
    local number = number_of(score)
    local undrawn = number >= progress.draw_next and sizes.prequeue or 0
    local ahead = redis.call('ZRANK', waiting, visitor_id) + undrawn
    if score >= LANE_BAND then
      ahead = ahead - redis.call('ZCOUNT', waiting, '-inf', string.format('%.0f', score - number))
    end
    return 'waiting', number, ahead, 0
  end
  score = sizes.prequeue > 0 and redis.call('ZSCORE', prequeue, visitor_id)
  if score then return 'prequeue', config.method == 'fifo' and number_of(score) or 0, -1, 0 end
  return nil
end
