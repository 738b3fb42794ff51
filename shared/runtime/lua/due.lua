-- Whether the append-only file is to be rewritten now, because something was erased. Not more often than once in a while.
-- KEYS due, pause   ARGV seconds from one rewrite to the next, '1' where something was erased just now
-- -> 'NOW' (by who asks) | 'LATER' | 'NO'
local due = redis.call('DEL', KEYS[1]) == 1 or ARGV[2] == '1'
if not due then return 'NO' end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('SET', KEYS[1], '1')
  return 'LATER'
end
redis.call('SET', KEYS[2], '1', 'EX', ARGV[1])
return 'NOW'
