-- KEYS: value, token, generation if there is one.
-- ARGV: token, its TTL in ms, 'missing' or 'refresh', a new generation, and with KEYS[3] the epoch.
local generation = ''
local start = ''
if KEYS[3] then
  generation = redis.call('GET', KEYS[3])
  if not is_valid(generation) then
    local wrong = elsewhere()
    if wrong then
      return wrong
    end
    generation = epoch .. ARGV[4]
    redis.call('SET', KEYS[3], generation)
  end
  start = generation .. ':'
end
if ARGV[3] == 'missing' then
  local found = redis.call('GET', KEYS[1])
  if found and string.sub(found, 1, #start) == start then
    return {'found', generation, redis.call('PTTL', KEYS[1]), found}
  end
end
local token = start .. ARGV[1]
local holder = redis.call('GET', KEYS[2])
-- A token of an ended generation cannot fill any more, and need not be waited for.
if holder and holder ~= token and string.sub(holder, 1, #start) == start then
  return {'busy', '', 0, false}
end
if holder ~= token then
  redis.call('SET', KEYS[2], token, 'PX', ARGV[2])
end
return {'acquired', generation, 0, false}
