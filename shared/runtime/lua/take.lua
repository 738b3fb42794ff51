-- Opens a call for one stage: installs the token and returns what was committed.
-- The first announcement of a call is the canonical one for all stages; later ones are duplicates.
-- KEYS stage, meta   ARGV entry id, token, CallStarted, stages (comma separated), ttl_s
-- -> 'DUPLICATE' | 'FENCED' | {all fields of the stage, stages of the call, finished stages of the call}
redis.call('HSETNX', KEYS[2], 'entry', ARGV[1])
if redis.call('HGET', KEYS[2], 'entry') ~= ARGV[1] then return 'DUPLICATE' end
local token = redis.call('HGET', KEYS[1], 'token')
if token and tonumber(token) > tonumber(ARGV[2]) then return 'FENCED' end
redis.call('HSETNX', KEYS[2], 'call', ARGV[3])
redis.call('HSETNX', KEYS[2], 'stages', ARGV[4])
redis.call('HSETNX', KEYS[2], 'ttl_s', ARGV[5])
if token ~= ARGV[2] then redis.call('HINCRBY', KEYS[1], 'owners', 1) end
redis.call('HSET', KEYS[1], 'token', ARGV[2])
return {redis.call('HGETALL', KEYS[1]), redis.call('HGET', KEYS[2], 'stages'), redis.call('HGET', KEYS[2], 'finished') or '0'}
