-- Counts an attempt at what comes after the cursor. It survives the death that the attempt may cause; a commit resets it.
-- KEYS stage   ARGV fence, by how much (1, less attempts that failed for want of something else)   -> tries, or -1 when fenced
redis.call('HDEL', KEYS[1], '') -- works in a full Redis, too: see scripts.py
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return -1 end
return redis.call('HINCRBY', KEYS[1], 'tries', ARGV[2])
