-- Appends frames of channels, which may be of many calls, each channel's in order. Bounded: refuses those of a channel
-- while the slowest reader of its sound lags too far behind.
-- NOMKSTREAM: a late re-send can't bring an expired call back. `sent_at` is the second by the clock of Redis.
-- KEYS per channel: audio, stage hashes of the readers, as many for each
-- ARGV producer id, channels, then per channel: field of the readers' position, samples allowed past it, n, n words of
--      frames; per frame: entry id, n, n words (field, value, ...)
-- -> per channel an error, or {status, frames accepted or already there, and with 'OK' how many of them came too late}
--    status: 'OK' | 'BUSY' (try again later) | 'GONE' (no such call) | 'CLOSED' (by somebody else; then also why)
local CLOSING = '9007199254740991'
local producer, channels = ARGV[1], tonumber(ARGV[2])
local keys = #KEYS / channels
local time = redis.call('TIME')
local sent_at = string.format('%s.%03d', time[1], math.floor(tonumber(time[2]) / 1000))

local function newest(audio) return redis.call('XREVRANGE', audio, '+', '-', 'COUNT', 1)[1] end
local function closed_by_other(audio)
  local last, said = newest(audio), {}
  if not last or last[1] ~= CLOSING .. '-0' then return end
  for at = #last[2] - 1, 1, -2 do said[last[2][at]] = last[2][at + 1] end
  if said['by'] ~= producer then return said['end'] or '' end
end
-- What counts is the sound that lies there unread: a hole before the next frame is no backlog.
local function is_too_far(first_key, field, limit, id)
  local position, last = tonumber(string.match(id, '^%d+')), nil
  for reader = first_key + 1, first_key + keys - 1 do
    local low = tonumber(redis.call('HGET', KEYS[reader], field) or '0')
    if position - low > limit then
      last = last or newest(KEYS[first_key])
      if last and tonumber(string.match(last[1], '^%d+')) - low > limit then return true end
    end
  end
end
-- What to do about an entry that Redis refuses: 'THERE', or 'LATE' (what follows it is there, but not it). What was
-- trimmed had come.
local function judge(audio, id)
  if redis.call('XRANGE', audio, id, id)[1] then return 'THERE' end
  local first = redis.call('XRANGE', audio, '-', '+', 'COUNT', 1)[1]
  if first and tonumber(string.match(first[1], '^%d+')) < tonumber(string.match(id, '^%d+')) then return 'LATE' end
  return 'THERE'
end
-- Where the key lies that wants this id, or should: entries that say that the call is idle may lie before it.
local function place_of_key(audio, id)
  local position, number = string.match(id, '^(%d+)%-(%d+)$')
  local place = tonumber(number)
  for _, entry in ipairs(redis.call('XRANGE', audio, position .. '-1', position)) do
    local number_of_entry = tonumber(string.match(entry[1], '%d+$'))
    if entry[2][1] == 'idle' and number_of_entry <= place then place = place + 1 end
  end
  return position .. '-' .. string.format('%.0f', place)
end
local function add(audio, id, from, to)
  return redis.pcall('XADD', audio, 'NOMKSTREAM', id, 'sent_at', sent_at, unpack(ARGV, from, to))
end
local function append(first_key, field, limit, at, last)
  local audio, done, late = KEYS[first_key], 0, 0
  if ARGV[at] ~= CLOSING .. '-0' and is_too_far(first_key, field, limit, ARGV[at]) then return {'BUSY', 0} end
  while at <= last do
    local count = tonumber(ARGV[at + 1])
    local added = add(audio, ARGV[at], at + 2, at + 1 + count)
    if type(added) == 'table' and added.err then
      if not string.find(added.err, 'equal or smaller') then return added end
      local why = closed_by_other(audio)
      if why then return {'CLOSED', done, why} end
      local place = ARGV[at + 2] == 'dtmf' and place_of_key(audio, ARGV[at]) or ARGV[at]
      local moved = place ~= ARGV[at] and not add(audio, place, at + 2, at + 1 + count).err
      if not moved and judge(audio, place) == 'LATE' then late = late + 1 end
    elseif not added then
      return {'GONE', done}
    end
    done = done + 1
    at = at + 2 + count
  end
  return {'OK', done, late}
end

local replies, at = {}, 3
for channel = 1, channels do
  local words = tonumber(ARGV[at + 2])
  local well, reply = pcall(append, (channel - 1) * keys + 1, ARGV[at], tonumber(ARGV[at + 1]), at + 3, at + 2 + words)
  replies[channel] = (well or type(reply) == 'table') and reply or {err = reply}
  at = at + 3 + words
end
return replies
