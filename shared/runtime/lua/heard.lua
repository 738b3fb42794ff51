-- Whether anything has come of calls: of each, whether a worker of the stage has opened it, or an entry lies on its
-- logs. One whose announcement is gone is for whoever opens the call to find out, and so are logs that are no streams.
-- KEYS calls, then of each call: stage, its logs   ARGV of each call: entry id, how many logs   -> {1 or 0 for each call}
local answers, at = {}, 1
for call = 1, #ARGV, 2 do
  at = at + 1
  local heard = redis.call('EXISTS', KEYS[at])
  if #redis.call('XRANGE', KEYS[1], ARGV[call], ARGV[call]) == 0 then heard = 1 end
  for _ = 1, tonumber(ARGV[call + 1]) do
    at = at + 1
    local newest = redis.pcall('XREVRANGE', KEYS[at], '+', '-', 'COUNT', 1)
    if newest.err or (newest[1] and newest[1][1] ~= '0-1') then heard = 1 end -- `0-1` opens a log of sound
  end
  answers[#answers + 1] = heard
end
return answers
