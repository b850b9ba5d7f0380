-- Changes the recorded columns, if they are as the caller has read them: {'done'} or {'outdated'}.
local P, stamp, format = take(), take(), take()
if (call('HGET', P .. ':meta', 'stamp') or '0') ~= stamp then return {'outdated'} end
call('HSET', P .. ':meta', 'format', format)
call('HINCRBY', P .. ':meta', 'stamp', 1)
-- Columns: table, number, text; the text is empty for one that goes.
for i = 1, count() do
  local name, number, text = take(), take(), take()
  call('SADD', P .. ':tables', name)
  if text == '' then
    call('HDEL', P .. ':schema:' .. name, number)
  else
    call('HSET', P .. ':schema:' .. name, number, text)
  end
end
-- Indexes that begin empty.
for i = 1, count() do call('DEL', take()) end
return {'done'}
