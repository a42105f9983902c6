-- KEYS: generation, and what to delete. ARGV: the epoch.
local wrong = not is_valid(redis.call('GET', KEYS[1])) and wrong_server()
if wrong then
  return wrong
end
return redis.call('DEL', unpack(KEYS, 2))
