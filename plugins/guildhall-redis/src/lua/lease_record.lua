-- Records a number under a name, unless there is one: {'done', number} or {'full'}.
local name, number, most = take(), take(), count()
local key = P .. ':leases:numbers'
local recorded = call('HGET', key, name)
if recorded then return {'done', recorded} end
if call('HLEN', key) >= most then return {'full'} end
call('HSET', key, name, number)
return {'done', number}
