-- KEYS: value, token, generation.
-- ARGV: token and value with the generation in front of both, TTL in ms, generation.
local answer = lost(KEYS[2], ARGV[1])
if answer then
  return answer
end
redis.call('DEL', KEYS[2])
if redis.call('GET', KEYS[3]) ~= ARGV[4] then
  return 'gone'
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
renew(KEYS[3], ARGV[4], ARGV[3])
return 'stored'
