-- Appends frames of one channel, in order. Bounded: refuses while the slowest reader of sound lags too far behind.
-- NOMKSTREAM: a late re-send can't bring an expired call back.
-- KEYS audio, stage hashes of the readers   ARGV field of the readers' position, highest position allowed past it,
--      producer id, then per frame: end sample, n, n words (field, value, ...)
-- -> {status, frames accepted or already there}
--    status: 'OK' | 'BUSY' (try again later) | 'GONE' (no such call) | 'CLOSED' (by somebody else)
local CLOSING = '9007199254740991'
local function closed_by_other()
  local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  if not newest or newest[1] ~= CLOSING .. '-0' then return false end
  for at = 1, #newest[2], 2 do
    if newest[2][at] == 'by' then return newest[2][at + 1] ~= ARGV[3] end
  end
  return true
end

if ARGV[4] ~= CLOSING then
  for reader = 2, #KEYS do
    local low = tonumber(redis.call('HGET', KEYS[reader], ARGV[1]) or '0')
    if tonumber(ARGV[4]) - low > tonumber(ARGV[2]) then return {'BUSY', 0} end
  end
end
local done, at = 0, 4
while at <= #ARGV do
  local count = tonumber(ARGV[at + 1])
  local added = redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', ARGV[at], unpack(ARGV, at + 2, at + 1 + count))
  if type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller') then return added end
    if closed_by_other() then return {'CLOSED', done} end
  elseif not added then
    return {'GONE', done}
  end
  done = done + 1
  at = at + 2 + count
end
return {'OK', done}
