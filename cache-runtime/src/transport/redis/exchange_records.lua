-- KEYS: a hash of records by process, each with its time in ms and ':' in front.
-- ARGV: process, record, TTL in ms, how many records there may be, 1 to store the record.
local ttl = tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HDEL', KEYS[1], ARGV[1])
local all = redis.call('HGETALL', KEYS[1])
local others = {}
for i = 1, #all, 2 do
  local written, record = string.match(all[i + 1], '^(%d+):(.*)$')
  local age = written and now - tonumber(written)
  -- Below zero if the clock was set back.
  if age and math.abs(age) < ttl then
    others[#others + 1] = {math.max(age, 0), all[i], record}
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
table.sort(others, function(a, b) return a[1] < b[1] end)
local room = tonumber(ARGV[4]) - (ARGV[5] == '1' and 1 or 0)
while #others > room do
  redis.call('HDEL', KEYS[1], table.remove(others)[2])
end
if ARGV[5] == '1' then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f:', now) .. ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return others
