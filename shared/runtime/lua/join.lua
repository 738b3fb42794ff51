-- Creates the group of a stage at the beginning of the stream, '0' and never '$': what was announced before counts too.
-- Forgets consumers that hold nothing and have not been heard of for long: workers that died.
-- KEYS calls   ARGV group, ms of silence after which a consumer is forgotten
redis.call('XDEL', KEYS[1], '0-0') -- works in a full Redis, too: see scripts.py
local created = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if created.err and not string.find(created.err, 'BUSYGROUP') then return created end
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local name, pending, idle_ms = consumer[2], consumer[4], consumer[6]
  if pending == 0 and idle_ms > tonumber(ARGV[2]) then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], name) end
end
return redis.status_reply('OK')
