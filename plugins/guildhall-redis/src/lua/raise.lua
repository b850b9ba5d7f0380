-- raise
-- Raises floors, each with lease, epoch and holder, and versions of removed rows by table: {'done'}.
local P = take()
for i = 1, count() do
  local lease, epoch, holder = take(), take(), take()
  local floor = call('HGET', P .. ':floors', lease)
  local now = floor and string.match(floor, '^(%d+) ')
  if not now or not less(epoch, now) then call('HSET', P .. ':floors', lease, epoch .. ' ' .. holder) end
end
for i = 1, count() do
  local name, version = take(), take()
  local now = call('HGET', P .. ':removed', name) or '0'
  call('HSET', P .. ':removed', name, larger_of(now, version))
end
return {'done'}
