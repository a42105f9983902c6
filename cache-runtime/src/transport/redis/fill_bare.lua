-- KEYS: token, value or absence, the other of the two.
-- ARGV: token, what the second key is to hold, its TTL in ms.
local answer = lost(KEYS[1], ARGV[1])
if answer then
  return answer
end
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 'stored'
