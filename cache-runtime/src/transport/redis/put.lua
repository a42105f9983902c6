-- KEYS: value, token, generation if there is one.
-- ARGV: value, its TTL in ms, a new generation, and with KEYS[3] the epoch.
local value = ARGV[1]
if KEYS[3] then
  local generation = redis.call('GET', KEYS[3])
  if not is_valid(generation) then
    local wrong = elsewhere()
    if wrong then
      return wrong
    end
    generation = epoch .. ARGV[3]
    redis.call('SET', KEYS[3], generation)
  end
  value = generation .. ':' .. value
end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], value, 'PX', ARGV[2])
