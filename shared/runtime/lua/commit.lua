-- One step of one stage on one call, all or nothing: outputs, then state and read positions.
-- A full Redis refuses new sound, never this, which makes room by trimming what was done with.
-- A guard comes first; outputs come before the cursor and carry explicit ids, so a script that Redis could not finish
-- is repaired by the retry ("equal or smaller" means: already there).
-- KEYS stage, meta, then the keys that the arguments number from 1; `archive` among them where the stage has finished,
--      or somebody may read beside the stages
-- ARGV fence, version, finished ('' or '1'),
--      n logs into which others insert, then each: key number, id of the last entry that the stage knows
--      n outputs, then each: key number, id, maxlen ('' = none), m, m words (field, value, ...);
--      each is written with `sent_at`, the second by the clock of Redis
--      key number of the hash of sounds (0 = none), n sounds to keep, then each: source id, samples;
--      n sounds to remove, then each: source id
--      n fields to set, then each: field, value
--      n fields to delete, then each: field
--      n trims, then each: key number, field that holds a reader's lowest position, m, m key numbers of the readers' stage hashes,
--      key number of the hash of who reads beside the stages (0 = nobody), how far behind the slowest reader that one may be
-- The last stage sets the lifetime of all keys: `ttl_s` of the call, or as long as they wait for an archive, if longer.
-- -> 'FENCED' | 'STALE' | 'DONE' | 'ALL_DONE' | 'REPEATED'
local LAST = 9007199254740991
local MOST_WORDS = 4000 -- of one command; Lua hands over 8000 at most
local at = 0
local function next_argument() at = at + 1; return ARGV[at] end
local function next_key() return KEYS[tonumber(next_argument())] end
local fence, version, finished = next_argument(), next_argument(), next_argument()
local of_call, archive = {}, nil
for _, key in ipairs(KEYS) do
  if string.find(key, 'call:{', 1, true) then
    of_call[#of_call + 1] = key
  elseif string.find(key, 'archive$') then
    archive = key
  end
end

redis.call('HDEL', KEYS[1], '') -- works in a full Redis, too: see scripts.py
local held = redis.call('HMGET', KEYS[1], 'token', 'version')
if held[1] ~= fence then return 'FENCED' end
if (held[2] or '0') ~= version then return 'STALE' end

for _ = 1, tonumber(next_argument()) do
  local newest = redis.call('XREVRANGE', next_key(), '+', '-', 'COUNT', 1)[1]
  if newest and newest[1] ~= next_argument() then return 'STALE' end
  if not newest then next_argument() end
end

local time = redis.call('TIME')
local sent_at = string.format('%s.%03d', time[1], math.floor(tonumber(time[2]) / 1000))
local outcome = 'DONE'
for _ = 1, tonumber(next_argument()) do
  local key, id, maxlen, count = next_key(), next_argument(), next_argument(), tonumber(next_argument())
  local added
  if maxlen == '' then
    added = redis.pcall('XADD', key, id, 'sent_at', sent_at, unpack(ARGV, at + 1, at + count))
  else
    added = redis.pcall('XADD', key, 'MAXLEN', '~', maxlen, id, 'sent_at', sent_at, unpack(ARGV, at + 1, at + count))
  end
  if type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller') then return added end
    outcome = 'REPEATED'
  end
  at = at + count
end

local sounds = next_key()
for _ = 1, tonumber(next_argument()) do redis.call('HSET', sounds, next_argument(), next_argument()) end
for _ = 1, tonumber(next_argument()) do redis.call('HDEL', sounds, next_argument()) end

local fields = tonumber(next_argument())
local last = at + 2 * fields
repeat
  local first = at + 1
  at = math.min(at + MOST_WORDS, last)
  redis.call('HSET', KEYS[1], 'version', tonumber(version) + 1, unpack(ARGV, first, at))
until at == last
for _ = 1, tonumber(next_argument()) do redis.call('HDEL', KEYS[1], next_argument()) end
redis.call('HDEL', KEYS[1], 'owners', 'tries')

for _ = 1, tonumber(next_argument()) do
  local key, field, lowest = next_key(), next_argument(), nil
  for _ = 1, tonumber(next_argument()) do
    local low = tonumber(redis.call('HGET', next_key(), field) or '0') or 0
    if not lowest or low < lowest then lowest = low end
  end
  local recorder, hold = next_key(), tonumber(next_argument())
  local recorded = recorder and tonumber(redis.call('HGET', recorder, field) or '')
  if recorder and not recorded and redis.call('HGET', archive, 'records') == '1' then recorded = 0 end
  if lowest and recorded and recorded < lowest then
    lowest = lowest == LAST and recorded or math.max(recorded, lowest - hold)
  end
  if lowest and lowest > 0 then redis.call('XTRIM', key, 'MINID', '~', string.format('%.0f', lowest)) end
end

if finished ~= '' then
  redis.call('HSET', KEYS[1], 'finished', '1')
  local done = redis.call('HINCRBY', KEYS[2], 'finished', 1)
  local _, separators = string.gsub(redis.call('HGET', KEYS[2], 'stages'), ',', '')
  if done > separators then
    local ttl_s = tonumber(redis.call('HGET', KEYS[2], 'ttl_s'))
    local wait_s = archive and tonumber(redis.call('HGET', archive, 'wait_s') or '') or 0
    for _, key in ipairs(of_call) do redis.call('EXPIRE', key, math.max(ttl_s, wait_s)) end
    return 'ALL_DONE'
  end
end
return outcome
