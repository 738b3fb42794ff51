-- Who reads sound beside the stages is done with it up to these positions: the rest stays a while (commit.lua).
-- Nothing is written for a call that is gone, so that an erased one does not come back.
-- KEYS meta, stage hash of that reader   ARGV field, position, field, position, ...
-- -> 1, or 0 for a call that is gone
redis.call('HDEL', KEYS[2], '') -- works in a full Redis, too: see scripts.py
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV))
local left_s = redis.call('TTL', KEYS[1])
if left_s >= 0 then redis.call('EXPIRE', KEYS[2], left_s) end
return 1
