-- Takes an announcement that is no call out of everybody's way, and keeps it with the reason.
-- KEYS calls, refused   ARGV group, entry id, announcement, reason
if redis.call('XDEL', KEYS[1], ARGV[2]) == 1 then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'event', ARGV[3], 'reason', ARGV[4])
end
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
