-- Gives an id to another holder: {'done', epoch}, {'not yours', holding} or {'nobody there'}.
local holder, id, epoch, to, offer = take(), take(), take(), take(), take()
local text = call('HGET', HELD, id)
local held = read_holding(text)
if not held or held.holder ~= holder or held.epoch ~= epoch then return {'not yours', text or ''} end
if not number_of(to) then return {'nobody there'} end
return {'done', grant(id, to, '0', ' ' .. epoch .. ' ' .. offer)}
