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
-- What to do about an entry that Redis refuses: 'THERE', or 'LATE' (what follows it is there, but not it). What was
-- trimmed had come.
local function judge(id)
  if redis.call('XRANGE', KEYS[1], id, id)[1] then return 'THERE' end
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if first and tonumber(string.match(first[1], '^%d+')) < tonumber(string.match(id, '^%d+')) then return 'LATE' end
  return 'THERE'
end
-- Where the key lies that wants this id, or should: entries that say that the call is idle may lie before it.
local function place_of_key(id)
  local position, number = string.match(id, '^(%d+)%-(%d+)$')
  local place = tonumber(number)
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], position .. '-1', position)) do
    local number_of_entry = tonumber(string.match(entry[1], '%d+$'))
    if entry[2][1] == 'idle' and number_of_entry <= place then place = place + 1 end
  end
  return position .. '-' .. string.format('%.0f', place)
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
    local place = ARGV[at + 2] == 'dtmf' and place_of_key(ARGV[at]) or ARGV[at]
    local moved = place ~= ARGV[at] and not add(place, at + 2, at + 1 + count).err
    if not moved and judge(place) == 'LATE' then late = late + 1 end
  elseif not added then
    return {'GONE', done}
  end
  done = done + 1
  at = at + 2 + count
end
return {'OK', done, late}
