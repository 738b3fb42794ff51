-- A correction of an ended call: what follows from it goes to all who read the firehose, and into the timeline as it
-- stands. The call's own stream is closed: who reads it to its end learns of `amended`.
-- KEYS meta, stage of the aggregator, firehose
-- ARGV version that was read, epoch, epochs, maxlen of the firehose, call id, n events, then each: event;
--      n parts that have changed, then each: field, value
-- -> 'DONE' | 'GONE' (no such call) | 'STALE' (another came first)
if redis.call('EXISTS', KEYS[1], KEYS[2]) < 2 then return 'GONE' end
if (redis.call('HGET', KEYS[2], 'version') or '0') ~= ARGV[1] then return 'STALE' end
local time = redis.call('TIME')
local now = string.format('%s.%03d', time[1], math.floor(tonumber(time[2]) / 1000))
local at = 6
for _ = 1, tonumber(ARGV[at]) do
  at = at + 1
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'sent_at', now, 'call_id', ARGV[5], 'event', ARGV[at],
    'audio_at', now, 'epoch', ARGV[2])
end
at = at + 1
for _ = 1, tonumber(ARGV[at]) do
  redis.call('HSET', KEYS[2], ARGV[at + 1], ARGV[at + 2])
  at = at + 2
end
redis.call('HSET', KEYS[2], 'epochs', ARGV[3], 'amended', '1', 'version', tonumber(ARGV[1]) + 1)
return 'DONE'
