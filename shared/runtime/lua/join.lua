#!lua flags=allow-oom
-- Creates the group of a stage at the beginning of the stream, '0' and never '$': what was announced before counts too.
-- KEYS calls   ARGV group   -> 1 where it was not there
local created = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if created.err then
  if string.find(created.err, 'BUSYGROUP') then return 0 end
  return created
end
return 1
