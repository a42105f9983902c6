-- KEYS: value, token, generation, and the generation of the group if the entry is in one.
-- ARGV: token and value with the seal in front of both, TTL in ms, generation, that of the group.
local answer = lost(KEYS[2], ARGV[1])
if answer then
  return answer
end
redis.call('DEL', KEYS[2])
if redis.call('GET', KEYS[3]) ~= ARGV[4] then
  return 'gone'
end
if KEYS[4] and redis.call('GET', KEYS[4]) ~= ARGV[5] then
  return 'gone'
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
renew(KEYS[3], ARGV[4], ARGV[3])
if KEYS[4] then
  renew(KEYS[4], ARGV[5], ARGV[3])
end
return 'stored'
