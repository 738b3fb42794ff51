-- Gives keys of a call a lifetime where no call goes on: frames that were never announced, or that came after the end.
-- Once a call is taken, its meta hash is there, and has no lifetime before the end; taking it lifts that of its logs.
-- KEYS meta, then keys of the call   ARGV lifetime in seconds   -> how many got one
redis.call('HDEL', KEYS[1], '') -- works in a full Redis, too: see scripts.py
if redis.call('TTL', KEYS[1]) == -1 then return 0 end
local count = 0
for at = 2, #KEYS do
  if redis.call('TTL', KEYS[at]) == -1 then count = count + redis.call('EXPIRE', KEYS[at], ARGV[1]) end
end
return count
