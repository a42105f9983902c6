-- KEYS: value, token, generation.
-- ARGV: token, its TTL in ms, 'missing' or 'refresh', the index of the last byte to read, a new
-- generation, and the epoch.
local generation = redis.call('GET', KEYS[3])
if not is_valid(generation) then
  local wrong = wrong_server()
  if wrong then
    return wrong
  end
  generation = epoch .. ARGV[5]
  -- One of another epoch, from a snapshot or another node, may live long, and would not be renewed.
  redis.call('DEL', KEYS[3])
end
local start = generation .. ':'
if ARGV[3] == 'missing' then
  local found = redis.call('GETRANGE', KEYS[1], 0, ARGV[4])
  if string.sub(found, 1, #start) == start then
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
renew(KEYS[3], generation, ARGV[2])
return {'acquired', generation, 0, false}
