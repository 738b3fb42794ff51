-- Gives keys of a call a lifetime where no call goes on: frames that were never announced, or that came after the end.
-- Once a call is taken, its meta hash is there, and has no lifetime before the end; taking it lifts that of its logs.
-- What is no hash there is of no call either. A lifetime takes no memory: this works in a full Redis, too.
-- KEYS meta, then keys of the call   ARGV lifetime in seconds   -> how many got one
if redis.call('TYPE', KEYS[1]).ok == 'hash' and redis.call('TTL', KEYS[1]) == -1 then return 0 end
local count = 0
for at = 2, #KEYS do
  if redis.call('TTL', KEYS[at]) == -1 then count = count + redis.call('EXPIRE', KEYS[at], ARGV[1]) end
end
return count
