-- KEYS: value, token, generation, and the generation of the group if the entry is in one.
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
-- A group is part of a generation, so its own need not be of the epoch.
local group = KEYS[4] and (redis.call('GET', KEYS[4]) or ARGV[5])
local start = generation .. (group and '.' .. group or '') .. ':'
if ARGV[3] == 'missing' then
  local found = redis.call('GETRANGE', KEYS[1], 0, ARGV[4])
  if string.sub(found, 1, #start) == start then
    return {'found', generation, redis.call('PTTL', KEYS[1]), found, group or ''}
  end
end
local token = start .. ARGV[1]
local holder = redis.call('GET', KEYS[2])
-- A token of an ended generation cannot fill any more, and need not be waited for.
if holder and holder ~= token and string.sub(holder, 1, #start) == start then
  return {'busy', '', 0, false, ''}
end
if holder ~= token then
  redis.call('SET', KEYS[2], token, 'PX', ARGV[2])
end
renew(KEYS[3], generation, ARGV[2])
if group then
  renew(KEYS[4], group, ARGV[2])
end
return {'acquired', generation, 0, false, group or ''}
