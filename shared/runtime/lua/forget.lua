-- Erases a call: its keys, and its announcements in every group. Leaves a mark, which tells followers that the call was
-- not lost, and names the producer, so that the frames which that one still has can't bring the call back.
-- KEYS calls, meta, forgotten, all other keys of the call   ARGV seconds that the mark stays, ids of announcements
-- -> how many keys were deleted
redis.call('XDEL', KEYS[1], '0-0') -- works in a full Redis, too: see scripts.py
local groups = redis.call('EXISTS', KEYS[1]) == 1 and redis.call('XINFO', 'GROUPS', KEYS[1]) or {}
local function withdraw(entry)
  for _, group in ipairs(groups) do redis.call('XACK', KEYS[1], group[2], entry) end
  redis.call('XDEL', KEYS[1], entry)
end
local entry, producer = redis.call('HGET', KEYS[2], 'entry'), redis.call('HGET', KEYS[2], 'producer')
if entry then withdraw(entry) end
for at = 2, #ARGV do withdraw(ARGV[at]) end
if producer or entry or ARGV[2] then redis.call('SET', KEYS[3], producer or '', 'EX', ARGV[1]) end
return redis.call('DEL', KEYS[2], unpack(KEYS, 4))
