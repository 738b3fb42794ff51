-- Sets a call aside whose state I can't read. Workers of another version may take it at once: it is idle for a day.
-- KEYS calls, wake   ARGV group, me, entry id   -> 1 where it was mine
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], 'parked', 0, ARGV[3], 'IDLE', 86400000, 'JUSTID')
redis.call('XADD', KEYS[2], 'MAXLEN', 1, '*', 'parked', '1')
return 1
