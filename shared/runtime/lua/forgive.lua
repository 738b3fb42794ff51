-- Takes back an attempt of an owner that lost the call meanwhile: it lives, so what comes after the cursor did not kill it.
-- Where one owner after the other loses the call, attempts count after all: what comes may be what makes them late.
-- KEYS stage   ARGV so many owners without a commit are forgiven   -> tries
redis.call('HDEL', KEYS[1], '') -- works in a full Redis, too: see scripts.py
local counted = redis.call('HMGET', KEYS[1], 'tries', 'owners')
local tries, owners = tonumber(counted[1] or '0'), tonumber(counted[2] or '0')
if tries < 1 or owners > tonumber(ARGV[1]) then return tries end
return redis.call('HINCRBY', KEYS[1], 'tries', -1)
