-- Publishes a message.
local channel = take()
call('PUBLISH', channel, take())
return {'done'}
