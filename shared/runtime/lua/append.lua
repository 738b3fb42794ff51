-- Appends frames of one channel, in order. Bounded: refuses while the slowest reader of sound lags too far behind.
-- NOMKSTREAM: a late re-send can't bring an expired call back. `sent_at` is the second by the clock of Redis.
-- KEYS audio, stage hashes of the readers   ARGV field of the readers' position, samples allowed past it,
--      producer id, then per frame: entry id, n, n words (field, value, ...)
-- -> {status, frames accepted or already there, and with 'OK' how many of them came too late}
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
local done, late, at = 0, 0, 4
-- What to do about an entry that Redis refuses: 'THERE', 'LATE' (what follows it is there, but not it), or an id behind
-- the entry that says that the call is idle, which may lie where a key is pressed. What was trimmed had come.
local function judge(id, is_key)
  local found = redis.call('XRANGE', KEYS[1], id, id)[1]
  if found and is_key and found[2][1] == 'idle' then
    local position, number = string.match(id, '^(%d+)%-(%d+)$')
    return position .. '-' .. (tonumber(number) + 1)
  end
  if found then return 'THERE' end
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if first and tonumber(string.match(first[1], '^%d+')) < tonumber(string.match(id, '^%d+')) then return 'LATE' end
  return 'THERE'
end
local function add(id, from, to)
  return redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', id, 'sent_at', sent_at, unpack(ARGV, from, to))
end
while at <= #ARGV do
  local count = tonumber(ARGV[at + 1])
  local added = add(ARGV[at], at + 2, at + 1 + count)
  if type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller') then return added end
    local why = closed_by_other()
    if why then return {'CLOSED', done, why} end
    local judged = judge(ARGV[at], ARGV[at + 2] == 'dtmf')
    if judged == 'LATE' then
      late = late + 1
    elseif judged ~= 'THERE' then
      add(judged, at + 2, at + 1 + count)
    end
  elseif not added then
    return {'GONE', done}
  end
  done = done + 1
  at = at + 2 + count
end
return {'OK', done, late}
