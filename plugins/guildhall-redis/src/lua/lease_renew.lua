-- Renews a session: {'done'} or {'expired'}.
local holder, wanted = take(), take()
local session = call('HGET', SESSIONS, holder)
if not session then return {'expired'} end
local number, renewals, ttl_ms = string.match(session, '^(%d+) (%d+) (%d+)$')
if number ~= wanted then return {'expired'} end
call('HSET', SESSIONS, holder, number .. ' ' .. inc(renewals) .. ' ' .. ttl_ms)
return {'done'}
