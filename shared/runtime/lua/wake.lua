-- Makes a blocked read of one worker return: race-free, because it is a stream too.
-- KEYS wake   ARGV seconds until the stream expires
redis.call('XDEL', KEYS[1], '0-0') -- works in a full Redis, too: see scripts.py
redis.call('XADD', KEYS[1], 'MAXLEN', 1, '*', 'wake', '1')
return redis.call('EXPIRE', KEYS[1], ARGV[1])
