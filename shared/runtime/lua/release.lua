-- A planned stop: everything that is mine becomes free at once (idle for a day), and the peers are woken.
-- KEYS calls, wake   ARGV group, me   -> how many calls were released
local count, ids = 0, {}
local function free()
  if #ids == 0 then return end
  for _, word in ipairs({'IDLE', 86400000, 'JUSTID'}) do ids[#ids + 1] = word end
  redis.call('XCLAIM', KEYS[1], ARGV[1], 'free', 0, unpack(ids))
  ids = {}
end
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 100000, ARGV[2])) do
  count = count + 1
  ids[#ids + 1] = pending[1]
  if #ids == 1000 then free() end
end
free()
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
if count > 0 then redis.call('XADD', KEYS[2], 'MAXLEN', 1, '*', 'released', count) end
return count
