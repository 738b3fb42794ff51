-- Counts an attempt at what comes after the cursor. It survives the death that the attempt may cause; a commit resets it.
-- KEYS stage   ARGV token   -> tries, or -1 when fenced
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return -1 end
return redis.call('HINCRBY', KEYS[1], 'tries', 1)
