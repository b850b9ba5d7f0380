-- Takes the first item: {'item', id, deliveries, body}, or {'none', ms until one is late}.
local ack_wait_ms = count()
if call('EXISTS', STREAM) == 0 then return {'none', ''} end
local now = now_ms()
repeat
  local late = call('ZRANGEBYSCORE', DUE, '-inf', string.format('%.0f', now), 'LIMIT', 0, 1000)
  for _, id in ipairs(late) do
    call('ZREM', DUE, id)
    call('ZADD', AGAIN, 0, in_order(id))
  end
until #late < 1000

local function deliver(entry)
  local id = entry[1]
  call('ZADD', DUE, string.format('%.0f', now + ack_wait_ms), id)
  return {'item', id, deliveries(id), entry[2][2]}
end

while true do
  local first = call('ZRANGE', AGAIN, 0, 0)[1]
  if not first then break end
  call('ZREM', AGAIN, first)
  local claimed = call('XCLAIM', STREAM, GROUP, 'apps', 0, id_of(first))
  if claimed[1] then return deliver(claimed[1]) end
end
local new = call('XREADGROUP', 'GROUP', GROUP, 'apps', 'COUNT', 1, 'STREAMS', STREAM, '>')
if new then return deliver(new[1][2][1]) end
local next_late = call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2]
return {'none', next_late and string.format('%.0f', math.max(tonumber(next_late) - now, 0)) or ''}
