-- Opens a session: {'new' or 'living', number}.
local holder, instead_of, ttl_ms, most = take(), take(), take(), count()
local living = number_of(holder)
if living and living ~= instead_of then return {'living', living} end
if living then finish(holder) end
if call('HLEN', SESSIONS) >= most then return {'full'} end
local number = inc(call('GET', GIVEN) or '0')
call('SET', GIVEN, number)
call('HSET', SESSIONS, holder, number .. ' 0 ' .. ttl_ms)
return {'new', number}
