-- Erases a call: everything under its hash tag, and its announcement in every group.
-- KEYS calls, meta, all other keys of the call   -> how many keys were deleted
local entry = redis.call('HGET', KEYS[2], 'entry')
if entry then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do redis.call('XACK', KEYS[1], group[2], entry) end
  redis.call('XDEL', KEYS[1], entry)
end
return redis.call('DEL', unpack(KEYS, 2))
