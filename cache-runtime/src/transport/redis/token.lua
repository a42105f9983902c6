-- What to answer if the key of a token does not hold it; false if it does.
local function lost(key, token)
  local holder = redis.call('GET', key)
  if not holder then
    return 'gone'
  end
  return holder ~= token and 'taken'
end
