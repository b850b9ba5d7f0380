-- Requests ids: {'done', {'held', epoch, from} or {'taken', epoch, holder}..}, {'expired'} or {'full'}.
local holder, most = take(), count()
if not number_of(holder) then return {'expired'} end
local wanted = count()
if call('HLEN', HELD) + wanted > most then return {'full'} end
local out = {'done'}
for i = 1, wanted do
  local id, at_least = take(), take()
  local held = read_holding(call('HGET', HELD, id))
  if held and held.holder ~= holder then
    out[i + 1] = {'taken', held.epoch, held.holder}
  else
    -- Whoever holds it already keeps where it comes from: it may not have heard of the transfer.
    local from = held and held.from or ''
    out[i + 1] = {'held', grant(id, holder, at_least, from), from}
  end
end
return out
