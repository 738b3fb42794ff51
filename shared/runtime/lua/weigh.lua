-- A worker tells its stage how it is, and learns how its peers are and how many leases each has. Who was silent for a
-- lease is no peer.
-- KEYS loads of the stage, calls   ARGV group, me, what I tell, lease_ms, seconds until the first key expires
-- -> {leases that are set free and not taken yet, a peer, what it told, its leases, ...}
redis.call('HDEL', KEYS[1], '') -- works in a full Redis, too: see scripts.py
local time, free, leases = redis.call('TIME'), 0, {}
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], ARGV[2], now_ms .. ' ' .. ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[5])
local consumers = redis.call('EXISTS', KEYS[2]) == 1 and redis.call('XINFO', 'CONSUMERS', KEYS[2], ARGV[1]) or {}
for _, consumer in ipairs(consumers) do leases[consumer[2]] = consumer[4] end
local told = {leases['free'] or 0}
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local peer, told_ms, words = all[at], string.match(all[at + 1], '^(%d+) (.*)$')
  if now_ms - tonumber(told_ms) > tonumber(ARGV[4]) then
    redis.call('HDEL', KEYS[1], peer)
  elseif peer ~= ARGV[2] then
    told[#told + 1] = peer
    told[#told + 1] = words
    told[#told + 1] = leases[peer] or 0
  end
end
return told
