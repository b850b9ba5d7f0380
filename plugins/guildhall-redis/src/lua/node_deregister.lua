-- Removes the record of that incarnation.
local id, incarnation = take(), take()
local life = call('HGET', LIVES, id)
if life and string.match(life, '^%d+') == incarnation then remove(id, incarnation) end
return {'done'}
