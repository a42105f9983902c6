-- KEYS: token, value or absence, the other of the two.
-- ARGV: token, what the second key is to hold, its TTL in ms.
local holder = redis.call('GET', KEYS[1])
if not holder then
  return 'gone'
end
if holder ~= ARGV[1] then
  return 'taken'
end
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 'stored'
