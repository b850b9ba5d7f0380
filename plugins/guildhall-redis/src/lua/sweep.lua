-- One app at a time looks after what is not renewed: {'mine', key, text..} or {'others'}. The key of who it is lives by the server's clock;
-- a clock that jumps makes two apps look, which is once too often and no harm.
local P, what, me, px = take(), take(), take(), take()
local who = P .. ':' .. what .. ':sweeper'
local now = call('GET', who)
if now and now ~= me then return {'others'} end
call('SET', who, me, 'PX', px)
local out = {'mine'}
for _, text in ipairs(call('HGETALL', P .. ':' .. take())) do out[#out + 1] = text end
return out
