-- One report of how far behind a stage is, and the shedding level of all workers of this Redis.
-- Up by one when a stage stays behind, down by one when all stages stay well below the limit.
-- KEYS shedding   ARGV worker, stage, its lag in ms, limit_ms, up_after_ms, down_after_ms, highest level, fresh_ms
-- Fields: level; behind_since, calm_since (ms); report:<worker> = "<ms> <lag> <stage>"
-- -> {level, stage, its lag in ms, ...} with the stages that are beyond the limit
local key, worker, stage, lag = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local limit, up_after, down_after = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local highest, fresh = tonumber(ARGV[7]), tonumber(ARGV[8])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

redis.call('HDEL', KEYS[1], '') -- works in a full Redis, too: see scripts.py
redis.call('HSET', key, 'report:' .. worker, string.format('%.0f %.0f %s', now, lag, stage))
local worst, lags, behind = 0, {}, {}
local fields = redis.call('HGETALL', key)
for at = 1, #fields, 2 do
  local at_ms, lag_ms, name = string.match(fields[at + 1], '^(%d+) (%d+) (.+)$')
  if at_ms and string.sub(fields[at], 1, 7) == 'report:' then
    if now - tonumber(at_ms) > fresh then
      redis.call('HDEL', key, fields[at])
    else
      lag_ms = tonumber(lag_ms)
      worst = math.max(worst, lag_ms)
      if lag_ms > limit then
        if not lags[name] then behind[#behind + 1] = name end
        lags[name] = math.max(lags[name] or 0, lag_ms)
      end
    end
  end
end

local known = redis.call('HMGET', key, 'level', 'behind_since', 'calm_since')
local level = tonumber(known[1] or '0')
local function since(field, value)
  if value then return tonumber(value) end
  redis.call('HSET', key, field, string.format('%.0f', now))
  return now
end
local function step(to, field)
  level = to
  redis.call('HSET', key, 'level', level, field, string.format('%.0f', now))
end
if worst > limit then
  redis.call('HDEL', key, 'calm_since')
  if now - since('behind_since', known[2]) >= up_after and level < highest then step(level + 1, 'behind_since') end
elseif worst < limit / 3 then
  redis.call('HDEL', key, 'behind_since')
  if now - since('calm_since', known[3]) >= down_after and level > 0 then step(level - 1, 'calm_since') end
else
  redis.call('HDEL', key, 'behind_since', 'calm_since')
end
redis.call('PEXPIRE', key, 60000)

local answer = {level}
for _, name in ipairs(behind) do
  answer[#answer + 1] = name
  answer[#answer + 1] = lags[name]
end
return answer
