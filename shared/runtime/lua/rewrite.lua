-- Copies a stream of all calls without the entries of some, piece by piece, and puts the copy in its place. Nothing less
-- erases: XDEL only marks an entry, and its bytes stay as long as any other entry of their node.
-- One run at a time: the copy has a group that is named as the run, and it expires when the run goes no further.
-- KEYS stream, copy   ARGV name of the run, id after which this piece begins ('' = the first piece), entries of a piece,
--      ids of the calls
-- -> {status, entries of each call that this piece leaves out}
--    status: 'BUSY' (another run is under way) | 'LOST' (begin anew) | 'DONE' | id after which the next piece begins
local stream, copy, run, after, most = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3])
local left_out = {}
for at = 4, #ARGV do left_out[at - 3] = 0 end

local function as_table(flat)
  local found = {}
  for at = 1, #flat, 2 do found[flat[at]] = flat[at + 1] end
  return found
end

local function copy_piece()
  local without = {}
  for at = 4, #ARGV do without[ARGV[at]] = at - 3 end
  local entries = redis.call('XRANGE', stream, after == '' and '-' or '(' .. after, '+', 'COUNT', most)
  for _, entry in ipairs(entries) do
    local number = without[as_table(entry[2])['call_id']]
    if number then
      left_out[number] = left_out[number] + 1
    else
      redis.call('XADD', copy, entry[1], unpack(entry[2]))
    end
  end
  return #entries == most and entries[most][1]
end

local function copy_leases(group)
  local ids, lease = {}, {}
  local function hand_over()
    if #ids == 0 then return end
    for _, word in ipairs({'IDLE', lease[3], 'RETRYCOUNT', lease[4], 'FORCE', 'JUSTID'}) do ids[#ids + 1] = word end
    redis.call('XCLAIM', copy, group, lease[2], 0, unpack(ids))
    ids = {}
  end
  for _, pending in ipairs(redis.call('XPENDING', stream, group, '-', '+', 1000000)) do
    local alike = pending[2] == lease[2] and pending[3] == lease[3] and pending[4] == lease[4]
    if not alike or #ids == 1000 then hand_over() end
    lease = pending
    ids[#ids + 1] = pending[1]
  end
  hand_over()
end

redis.call('XDEL', stream, '0-0') -- works in a full Redis, too: see scripts.py
local others = redis.call('EXISTS', copy) == 1 and redis.call('XINFO', 'GROUPS', copy)[1]
if after == '' then
  if others then return {'BUSY', left_out} end
  if redis.call('EXISTS', stream) == 0 then return {'DONE', left_out} end
  redis.call('XGROUP', 'CREATE', copy, run, '0', 'MKSTREAM')
elseif not others or as_table(others)['name'] ~= run then
  return {'LOST', left_out}
end
local next_after = copy_piece()
if next_after then
  redis.call('EXPIRE', copy, 30)
  return {next_after, left_out}
end

-- The last piece: what was trimmed meanwhile, the last id, and the groups with their leases.
local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
if oldest then redis.call('XTRIM', copy, 'MINID', oldest[1]) else redis.call('XTRIM', copy, 'MAXLEN', 0) end
redis.call('XSETID', copy, as_table(redis.call('XINFO', 'STREAM', stream))['last-generated-id'])
redis.call('XGROUP', 'DESTROY', copy, run)
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = as_table(flat)
  redis.call('XGROUP', 'CREATE', copy, group['name'], group['last-delivered-id'])
  copy_leases(group['name'])
end
redis.call('PERSIST', copy)
redis.call('RENAME', copy, stream)
return {'DONE', left_out}
