-- Lets a generation live no shorter than what depends on it. Twice as long, so that few of the next
-- calls write. One without a TTL is given one.
local function renew(key, generation, ttl)
  if redis.call('PTTL', key) < tonumber(ttl) then
    redis.call('SET', key, generation, 'PX', string.format('%.0f', 2 * tonumber(ttl)))
  end
end
