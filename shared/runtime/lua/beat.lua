-- Refreshes the leases of calls that are still mine. JUSTID leaves the token as it is.
-- Refreshing is a write for each entry, in the append-only file as well. Silent calls are mine without it, as long as I
-- tell of myself (weigh.lua).
-- KEYS calls   ARGV group, me, ids of calls that are not silent
local ids = {}
local function refresh()
  if #ids == 0 then return end
  ids[#ids + 1] = 'JUSTID'
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(ids))
  ids = {}
end
for at = 3, #ARGV do
  if redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[at], ARGV[at], 1, ARGV[2])[1] then ids[#ids + 1] = ARGV[at] end
  if #ids == 1000 then refresh() end
end
refresh()
