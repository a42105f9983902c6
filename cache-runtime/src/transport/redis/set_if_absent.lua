-- KEYS: key. ARGV: value, TTL in ms.
local found = redis.call('GET', KEYS[1])
if not found then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
elseif found ~= ARGV[1] then
  return found
end
return false
