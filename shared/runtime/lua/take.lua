-- Opens a call for one stage: installs the fence and returns what was committed.
-- The first announcement of a call is the canonical one for all stages; later ones are duplicates.
-- KEYS calls, stage, meta, audio:0, audio:1, ...
-- ARGV group, me, entry id, token, fence, CallStarted, stages (comma separated), ttl_s, oldest and newest version of the states
--      that I read
-- -> 'GONE' (finished or erased) | 'DUPLICATE' (the same once more) | 'RUNNING', 'ENDED' (another call has the id, or had
--    it) | 'FENCED' (the lease is somebody else's) | 'OTHER <version of the state>' (one that I do not read)
--    | {all fields of the stage, stages of the call, finished stages of the call}
redis.call('XDEL', KEYS[1], '0-0') -- works in a full Redis, too: see scripts.py
local entry, token, fence = ARGV[3], ARGV[4], ARGV[5]
if #redis.call('XRANGE', KEYS[1], entry, entry) == 0 then return 'GONE' end
redis.call('HSETNX', KEYS[3], 'entry', entry)
if redis.call('HGET', KEYS[3], 'entry') ~= entry then
  if redis.call('TTL', KEYS[3]) >= 0 then return 'ENDED' end
  return redis.call('HGET', KEYS[3], 'call') == ARGV[6] and 'DUPLICATE' or 'RUNNING'
end
local lease = redis.call('XPENDING', KEYS[1], ARGV[1], entry, entry, 1)[1]
if not lease or lease[2] ~= ARGV[2] or lease[4] ~= tonumber(token) then return 'FENCED' end
local state = redis.call('HMGET', KEYS[2], 'state_version', 'version', 'finished')
local told = state[1] or '0'
local stored = tonumber(told)
local readable = stored and stored >= tonumber(ARGV[9]) and stored <= tonumber(ARGV[10])
if state[2] and not state[3] and not readable then return 'OTHER ' .. (string.match(told, '^%d+$') or 'unknown') end
if not state[3] then -- an announcement that was refused before has given these a lifetime
  for at = 3, #KEYS do redis.call('PERSIST', KEYS[at]) end
end
redis.call('HSETNX', KEYS[3], 'call', ARGV[6])
redis.call('HSETNX', KEYS[3], 'stages', ARGV[7])
redis.call('HSETNX', KEYS[3], 'ttl_s', ARGV[8])
if redis.call('HGET', KEYS[2], 'token') ~= fence then redis.call('HINCRBY', KEYS[2], 'owners', 1) end
redis.call('HSET', KEYS[2], 'token', fence)
return {redis.call('HGETALL', KEYS[2]), redis.call('HGET', KEYS[3], 'stages'), redis.call('HGET', KEYS[3], 'finished') or '0'}
