-- Says in the log that nothing has come of the call for a while, unless something has come in the meantime. As an entry,
-- so that every run sees it at the same place; the first log that is open takes it, behind its last entry.
-- KEYS stage, logs of sound   ARGV fence, id last read of each log   -> 1 where it was written
redis.call('XDEL', KEYS[2], '0-0') -- works in a full Redis, too: see scripts.py
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local log, after
for at = 2, #KEYS do
  local newest = redis.call('XREVRANGE', KEYS[at], '+', '-', 'COUNT', 1)[1]
  if newest and newest[1] ~= ARGV[at] then return 0 end
  if newest and newest[2][1] == 'idle' then return 0 end
  if not log and newest and newest[1] ~= '9007199254740991-0' then log, after = KEYS[at], newest[1] end
end
if not log then return 0 end
local position, number = string.match(after, '^(%d+)%-(%d+)$')
redis.call('XADD', log, 'NOMKSTREAM', position .. '-' .. string.format('%.0f', tonumber(number) + 1), 'idle', '1')
return 1
