-- Erases a call: its keys, and its announcements in every group. Leaves a mark, which tells followers that the call was
-- not lost, and names the producer, so that the frames which that one still has can't bring the call back. Where there
-- is an archive, it is told to erase the call: what the firehose tells of it up to now must not come into it any more.
-- KEYS calls, meta, forgotten, firehose, archive, erasures, all other keys of the call
-- ARGV id of the call, seconds that the mark stays, ids of announcements
-- -> how many keys and announcements were deleted
redis.call('XDEL', KEYS[1], '0-0') -- works in a full Redis, too: see scripts.py
local groups = redis.call('EXISTS', KEYS[1]) == 1 and redis.call('XINFO', 'GROUPS', KEYS[1]) or {}
local withdrawn = 0
local function withdraw(entry)
  for _, group in ipairs(groups) do redis.call('XACK', KEYS[1], group[2], entry) end
  withdrawn = withdrawn + redis.call('XDEL', KEYS[1], entry)
end
local entry, producer = redis.call('HGET', KEYS[2], 'entry'), redis.call('HGET', KEYS[2], 'producer')
if entry then withdraw(entry) end
for at = 3, #ARGV do withdraw(ARGV[at]) end
if producer or entry or ARGV[3] then redis.call('SET', KEYS[3], producer or '', 'EX', ARGV[2]) end
if redis.call('EXISTS', KEYS[5]) == 1 then
  local told = redis.call('EXISTS', KEYS[4]) == 1 and redis.call('XINFO', 'STREAM', KEYS[4]) or {}
  local newest = '0-0'
  for at = 1, #told, 2 do
    if told[at] == 'last-generated-id' then newest = told[at + 1] end
  end
  redis.call('HSET', KEYS[6], ARGV[1], newest)
end
return withdrawn + redis.call('DEL', KEYS[2], unpack(KEYS, 7))
