-- Acknowledges a delivery, if there was none after it.
local id, delivery = take(), take()
if call('EXISTS', STREAM) == 1 and deliveries(id) == delivery then
  call('XACK', STREAM, GROUP, id)
  call('XDEL', STREAM, id)
  call('ZREM', DUE, id)
  call('ZREM', AGAIN, in_order(id))
end
return {'done'}
