-- What scripts about registrations share. A record is kept as its app has encoded it; its life is `incarnation renewals ttl_ms`.
local P = take()
local RECORDS, LIVES = P .. ':nodes:records', P .. ':nodes:lives'

local function changed(text)
  local n = call('INCR', P .. ':nodes:changes')
  call('PUBLISH', P .. ':nodes', string.format('%.0f', n) .. '\n' .. text)
end

local function remove(id, incarnation)
  call('HDEL', RECORDS, id)
  call('HDEL', LIVES, id)
  changed('remove\n' .. id .. '\n' .. incarnation)
end
