-- Heartbeat: refreshes what is still mine and tells what that is. JUSTID leaves the token as it is.
-- Refreshing is a write for each entry, in the append-only file as well. So of silent calls, which lose nothing where a
-- peer takes them over, those are left out whose lease is young.
-- KEYS calls   ARGV group, me, ms for which a lease is young, ids of calls that are not silent   -> {entry id, token, ...}
local mine, ids, heard = {}, {}, {}
local function refresh()
  if #ids == 0 then return end
  ids[#ids + 1] = 'JUSTID'
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(ids))
  ids = {}
end
for at = 4, #ARGV do heard[ARGV[at]] = true end
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 100000, ARGV[2])) do
  mine[#mine + 1] = pending[1]
  mine[#mine + 1] = pending[4]
  if heard[pending[1]] or pending[3] >= tonumber(ARGV[3]) then ids[#ids + 1] = pending[1] end
  if #ids == 1000 then refresh() end
end
refresh()
return mine
