-- KEYS: key. ARGV: value, 'whole' or 'start'.
local found = redis.call('GET', KEYS[1])
if not found then
  return {'missing', false}
end
local compared = found
if ARGV[2] == 'start' then
  compared = string.sub(found, 1, #ARGV[1])
end
if compared ~= ARGV[1] then
  return {'other', found}
end
redis.call('DEL', KEYS[1])
return {'deleted', false}
