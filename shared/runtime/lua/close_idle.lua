-- Closes an audio log on which nothing came for too long, unless something has come in the meantime.
-- KEYS audio, stage   ARGV fence, id last read   -> 1 where it was closed
redis.call('XDEL', KEYS[1], '0-0') -- works in a full Redis, too: see scripts.py
if redis.call('HGET', KEYS[2], 'token') ~= ARGV[1] then return 0 end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if newest and (newest[1] ~= ARGV[2] or newest[1] == '9007199254740991-0') then return 0 end
redis.call('XADD', KEYS[1], '9007199254740991-0', 'end', 'idle')
return 1
