-- Takes over calls that nobody has, or whose owner has been silent for a lease: it has not refreshed them, and has told
-- nothing of itself either (weigh.lua), which is enough for calls that are silent. Claiming raises the delivery count:
-- that is the new token. Mine are left to the heartbeat: a new token would make me reload what I hold.
-- XPENDING IDLE and XCLAIM instead of XAUTOCLAIM: thirty times cheaper while nobody is idle.
-- What peers offer is left to others for a lease, beyond what makes up my share of calls.
-- KEYS calls, loads of the stage
-- ARGV group, me, lease_ms, at most, how long offers seem idle in ms, how many of them at most, ids that I parked
-- -> {entry id, fields, token, ...}
local taken, parked, most, offered_ms, offers = {}, {}, tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time, lease_ms = redis.call('TIME'), tonumber(ARGV[3])
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function lives(owner)
  local told = redis.call('HGET', KEYS[2], owner)
  return told and now_ms - tonumber(string.match(told, '^%d+')) <= lease_ms
end
local function is_offer(idle_ms)
  return idle_ms >= offered_ms and idle_ms < offered_ms + lease_ms
end
local function take_of(owner)
  local idle = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], '-', '+', most + #ARGV + 64, owner)
  for _, pending in ipairs(idle) do
    if #taken == 3 * most then return end
    local claimed, offer = {}, is_offer(pending[3])
    if not parked[pending[1]] and not (offer and offers < 1) then
      claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], pending[1])
    end
    if claimed[1] then
      if offer then offers = offers - 1 end
      taken[#taken + 1] = pending[1]
      taken[#taken + 1] = claimed[1][2]
      taken[#taken + 1] = pending[4] + 1
    end
  end
end
for at = 7, #ARGV do parked[ARGV[at]] = true end
for _, owner in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1])[4] or {}) do
  if owner[1] ~= ARGV[2] and not lives(owner[1]) then take_of(owner[1]) end
end
return taken
