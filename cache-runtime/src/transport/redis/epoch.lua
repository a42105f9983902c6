-- For scripts whose last argument is the epoch of the store, which is the prefix of every valid
-- generation.
local epoch = ARGV[#ARGV]

local function is_valid(generation)
  return generation and string.sub(generation, 1, #epoch) == epoch
end

local function told(section, field)
  return string.match(redis.call('INFO', section), '\n' .. field .. ':(%S+)') or ''
end

-- The error to answer with if this is not the server of the epoch; otherwise false. `INFO` takes
-- longer than all the rest of a script, so this is asked only where no generation is valid: only this
-- server makes one.
local function wrong_server()
  -- The client does not know the identity, and may lack the right to `INFO`.
  if epoch == '' then
    return false
  end
  local identity = told('server', 'run_id') .. told('replication', 'master_replid')
  if string.sub(redis.sha1hex(identity), 1, #epoch - 1) .. '-' == epoch then
    return false
  end
  return {err = 'ANOTHERSERVER the connection leads to another server'}
end
