-- What is mine becomes free at once (idle for so long that nobody waits), and the peers are woken: all at a planned stop, or some calls.
-- KEYS calls, wake   ARGV group, me, how long they seem idle in ms, ids of entries or 'all'   -> how many calls were released
local count, ids = 0, {}
local function free()
  if #ids == 0 then return end
  for _, word in ipairs({'IDLE', ARGV[3], 'JUSTID'}) do ids[#ids + 1] = word end
  redis.call('XCLAIM', KEYS[1], ARGV[1], 'free', 0, unpack(ids))
  ids = {}
end
local function mine(first, last, most)
  for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], first, last, most, ARGV[2])) do
    count = count + 1
    ids[#ids + 1] = pending[1]
    if #ids == 1000 then free() end
  end
end
for at = 4, #ARGV do
  if ARGV[at] == 'all' then mine('-', '+', 100000) else mine(ARGV[at], ARGV[at], 1) end
end
free()
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
if count > 0 then redis.call('XADD', KEYS[2], 'MAXLEN', 1, '*', 'released', count) end
return count
