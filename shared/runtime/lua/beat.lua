-- Heartbeat: refreshes exactly what is still mine and tells what that is. JUSTID leaves the token as it is.
-- KEYS calls   ARGV group, me   -> {entry id, token, ...}
local mine, ids = {}, {}
local function refresh()
  if #ids == 0 then return end
  ids[#ids + 1] = 'JUSTID'
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(ids))
  ids = {}
end
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 100000, ARGV[2])) do
  mine[#mine + 1] = pending[1]
  mine[#mine + 1] = pending[4]
  ids[#ids + 1] = pending[1]
  if #ids == 1000 then refresh() end
end
refresh()
return mine
