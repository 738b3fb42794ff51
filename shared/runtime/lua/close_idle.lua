-- Closes an audio log on which nothing came for too long, unless something has come in the meantime.
-- KEYS audio   ARGV id last read   -> 1 where it was closed
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if newest and newest[1] ~= ARGV[1] then return 0 end
redis.call('XADD', KEYS[1], '9007199254740991-0', 'end', 'idle')
return 1
