-- Inserts an entry into a log that a stage reads, at the position that the stage has reached: its next commit is refused
-- unless it knows of the entry, so that every run takes it in at the same place.
-- KEYS meta, log, stage   ARGV id of what is inserted, its event, entries that the log may have, and at one position
-- -> {'INSERTED' or 'THERE', entry id, event as it is there} | 'GONE' (no such call) | 'ENDED' (the stage is done) | 'FULL' | 'BUSY'
if redis.call('EXISTS', KEYS[1]) == 0 then return 'GONE' end
local entries = redis.call('XRANGE', KEYS[2], '-', '+')
for _, entry in ipairs(entries) do
  if entry[2][2] == ARGV[1] then return {'THERE', entry[1], entry[2][4]} end
end
if redis.call('HGET', KEYS[3], 'finished') then return 'ENDED' end
if #entries >= tonumber(ARGV[3]) then return 'FULL' end
local position, number = tonumber(redis.call('HGET', KEYS[3], 'passed') or '-1') + 1, 0
if #entries > 0 then
  local last, count = string.match(entries[#entries][1], '^(%d+)%-(%d+)$')
  if tonumber(last) >= position then position, number = tonumber(last), tonumber(count) + 1 end
end
if number >= tonumber(ARGV[4]) then return 'BUSY' end -- the stage reads no more at once
if position == 0 and number == 0 then number = 1 end
local id = string.format('%.0f-%d', position, number)
local time = redis.call('TIME')
local sent_at = string.format('%s.%03d', time[1], math.floor(tonumber(time[2]) / 1000))
redis.call('XADD', KEYS[2], id, 'id', ARGV[1], 'event', ARGV[2], 'sent_at', sent_at)
return {'INSERTED', id, ARGV[2]}
