-- Announces a call and opens its audio logs. Atomic, and safe to repeat by the same producer.
-- KEYS calls, meta, forgotten, audio:0, audio:1, ...   ARGV CallStarted, producer id, name of the attempt
-- -> 'STARTED' | 'RESUMED' | 'TAKEN' (by another producer) | 'FORGOTTEN' (erased while this producer sent it)
local producer = redis.call('HGET', KEYS[2], 'producer')
if producer and producer ~= ARGV[2] then return 'TAKEN' end
if producer then return redis.call('HGET', KEYS[2], 'attempt') == ARGV[3] and 'STARTED' or 'RESUMED' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'TAKEN' end
if redis.call('GET', KEYS[3]) == ARGV[2] then return 'FORGOTTEN' end
redis.call('HSET', KEYS[2], 'producer', ARGV[2], 'call', ARGV[1], 'attempt', ARGV[3])
for channel = 4, #KEYS do redis.pcall('XADD', KEYS[channel], '0-1', 'start', '1') end
redis.call('XADD', KEYS[1], '*', 'event', ARGV[1])
return 'STARTED'
