-- KEYS: the live instances.
-- ARGV: one of them, its lease in ms, the element that says until when its lease is proven, and when
-- the canary was listed that last came back to it, or 0.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function add(score, element, condition)
  redis.call('ZADD', KEYS[1], condition or 'CH', string.format('%.0f', score), element)
end
-- When the list began, below zero, so that it is not taken for the end of a lease.
add(-now, 'since', 'NX')
add(now + ARGV[2], ARGV[1])
add(ARGV[4] + ARGV[2], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', 3600000 + ARGV[2]))
return now
