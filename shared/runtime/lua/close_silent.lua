-- Closes the logs of a call of which no sound has come, unless some has come in the meantime.
-- KEYS calls, logs of sound   ARGV group, me, entry id, token, why   -> 1 where they were closed
redis.call('XDEL', KEYS[1], '0-0') -- works in a full Redis, too: see scripts.py
local lease = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
if not lease or lease[2] ~= ARGV[2] or lease[4] ~= tonumber(ARGV[4]) then return 0 end
for log = 2, #KEYS do
  local newest = redis.call('XREVRANGE', KEYS[log], '+', '-', 'COUNT', 1)[1]
  if newest and newest[1] ~= '0-1' then return 0 end
end
for log = 2, #KEYS do redis.call('XADD', KEYS[log], '9007199254740991-0', 'end', ARGV[5]) end
return 1
