-- Registers a record, or renews it: {'done'}, {'later', incarnation} or {'full'}.
local id, incarnation, ttl_ms, record, most = take(), take(), take(), take(), count()
local life, renewals = call('HGET', LIVES, id), '0'
if life then
  local known, before = string.match(life, '^(%d+) (%d+) %d+$')
  if less(incarnation, known) then return {'later', known} end
  renewals = inc(before)
elseif call('HLEN', LIVES) >= most then
  return {'full'}
end
call('HSET', LIVES, id, incarnation .. ' ' .. renewals .. ' ' .. ttl_ms)
if call('HGET', RECORDS, id) ~= record then
  call('HSET', RECORDS, id, record)
  changed('put\n' .. record)
end
return {'done'}
