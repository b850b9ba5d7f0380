-- What scripts about queues share. A queue is a stream with one group. Delivered items are in `due` by the time, of the server's clock, from
-- which they are late; late ones are in `again` in the order of their pushes.
local P, name = take(), take()
local GROUP = 'guildhall'
local STREAM, DUE, AGAIN = P .. ':queue:' .. name, P .. ':due:' .. name, P .. ':again:' .. name

local function pad(n) return string.rep('0', 20 - #n) .. n end

local function in_order(id)
  local ms, n = string.match(id, '^(%d+)-(%d+)$')
  return pad(ms) .. '-' .. pad(n)
end

local function id_of(member)
  local ms, n = string.match(member, '^0*(%d+)-0*(%d+)$')
  return ms .. '-' .. n
end

local function deliveries(id)
  local pending = call('XPENDING', STREAM, GROUP, id, id, 1)
  return pending[1] and string.format('%.0f', pending[1][4])
end
