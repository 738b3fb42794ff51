-- What waits for any worker of a stage: announcements that none has read, and calls that their owner has set free. And
-- what was parked, because nobody who tried could read its state.
-- It counts what is there. The `lag` of XINFO GROUPS does not: after deletions it is missing or wrong.
-- KEYS calls   ARGV group, the most that are counted   -> {how many, id of the oldest or '', its age in ms, {ids of what is parked}}
local last
local known = redis.call('EXISTS', KEYS[1]) == 1 and redis.call('XINFO', 'GROUPS', KEYS[1]) or {}
for _, group in ipairs(known) do
  if group[2] == ARGV[1] then last = group[8] end
end
if not last then return {0, '', 0, {}} end
local parked = {}
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[2], 'parked')) do
  parked[#parked + 1] = pending[1]
end
local free = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[2], 'free')
local oldest, count = free[1] and free[1][1], #free
repeat -- in pages: announcements may be large
  local page = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 50)
  if page[1] then
    oldest, last, count = oldest or page[1][1], page[#page][1], count + #page
  end
until #page < 50 or count >= tonumber(ARGV[2])
if not oldest then return {0, '', 0, parked} end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local age_ms = math.max(0, now_ms - tonumber(string.match(oldest, '^%d+')))
return {math.min(count, tonumber(ARGV[2])), oldest, age_ms, parked}
