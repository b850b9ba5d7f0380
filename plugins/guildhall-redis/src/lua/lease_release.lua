-- Releases grants that are the present ones of their ids.
local holder = take()
for i = 1, count() do
  local id, epoch = take(), take()
  local held = read_holding(call('HGET', HELD, id))
  if held and held.holder == holder and held.epoch == epoch then free(id, holder) end
end
return {'done'}
