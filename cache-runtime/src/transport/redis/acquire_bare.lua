-- KEYS: value, token, absence.
-- ARGV: token, its TTL in ms, 'missing' or 'refresh', the index of the last byte to read.
if ARGV[3] == 'missing' then
  local ttl = redis.call('PTTL', KEYS[1])
  if ttl ~= -2 then
    return {'value', ttl, redis.call('GETRANGE', KEYS[1], 0, ARGV[4])}
  end
  local absence = redis.call('GET', KEYS[3])
  if absence then
    return {'absence', redis.call('PTTL', KEYS[3]), absence}
  end
end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then
  return {'busy', 0, false}
end
if not holder then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
return {'acquired', 0, false}
