-- Appends an item: {'done'} or {'full'}.
local body, most = take(), count()
local is_new = call('EXISTS', STREAM) == 0
if not is_new and call('XLEN', STREAM) >= most then return {'full'} end
call('XADD', STREAM, '*', 'body', body)
if is_new then call('XGROUP', 'CREATE', STREAM, GROUP, '0') end
call('PUBLISH', P .. ':pushed:' .. name, '')
return {'done'}
