-- Takes an announcement that is no call out of everybody's way, and tells why. What it says is kept nowhere: it may name
-- persons, and its id may be none by which it could be erased. Where no other announcement of its id was taken, what was
-- written for the call gets a lifetime.
-- KEYS calls, refused, then meta and all other keys of the call, where its id can be read
-- ARGV group, entry id, bytes of the announcement, reason, seconds that a refusal is told of, lifetime of the keys
if redis.call('XDEL', KEYS[1], ARGV[2]) == 1 then
  local oldest = string.format('%.0f000', redis.call('TIME')[1] - ARGV[5])
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'entry', ARGV[2], 'bytes', ARGV[3], 'reason', ARGV[4])
  redis.call('XTRIM', KEYS[2], 'MINID', oldest)
  redis.call('EXPIRE', KEYS[2], ARGV[5])
  local taken = KEYS[3] and redis.pcall('HGET', KEYS[3], 'entry')
  if type(taken) ~= 'string' or taken == ARGV[2] then
    for at = 3, #KEYS do
      if redis.call('TTL', KEYS[at]) == -1 then redis.call('EXPIRE', KEYS[at], ARGV[6]) end
    end
  end
end
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
