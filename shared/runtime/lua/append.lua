-- Appends frames of one channel, in order. Bounded: refuses while the slowest reader of sound lags too far behind.
-- NOMKSTREAM: a late re-send can't bring an expired call back. `sent_at` is the second by the clock of Redis.
-- KEYS audio, stage hashes of the readers   ARGV field of the readers' position, samples allowed past it,
--      producer id, then per frame: entry id, n, n words (field, value, ...)
-- -> {status, frames accepted or already there}
--    status: 'OK' | 'BUSY' (try again later) | 'GONE' (no such call) | 'CLOSED' (by somebody else; then also why)
local CLOSING = '9007199254740991'
local function newest() return redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1] end
local function closed_by_other()
  local last, said = newest(), {}
  if not last or last[1] ~= CLOSING .. '-0' then return end
  for at = #last[2] - 1, 1, -2 do said[last[2][at]] = last[2][at + 1] end
  if said['by'] ~= ARGV[3] then return said['end'] or '' end
end

-- What counts is the sound that lies there unread: a hole before the next frame is no backlog.
if ARGV[4] ~= CLOSING .. '-0' then
  local limit, position, last = tonumber(ARGV[2]), tonumber(string.match(ARGV[4], '^%d+')), nil
  for reader = 2, #KEYS do
    local low = tonumber(redis.call('HGET', KEYS[reader], ARGV[1]) or '0')
    if position - low > limit then
      last = last or newest()
      if last and tonumber(string.match(last[1], '^%d+')) - low > limit then return {'BUSY', 0} end
    end
  end
end
local time = redis.call('TIME')
local sent_at = string.format('%s.%03d', time[1], math.floor(tonumber(time[2]) / 1000))
local done, at = 0, 4
while at <= #ARGV do
  local count = tonumber(ARGV[at + 1])
  local added = redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', ARGV[at], 'sent_at', sent_at, unpack(ARGV, at + 2, at + 1 + count))
  if type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller') then return added end
    local why = closed_by_other()
    if why then return {'CLOSED', done, why} end
  elseif not added then
    return {'GONE', done}
  end
  done = done + 1
  at = at + 2 + count
end
return {'OK', done}
