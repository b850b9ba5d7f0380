-- What scripts about leases share. A session is `number renewals ttl_ms` by its holder; a holding is `epoch app incarnation`, and behind that the
-- epoch and the offer of the transfer that it comes from. No clock is asked: sessions end when an app that watches has seen no renewal for a TTL.
local P = take()
local SESSIONS, HELD, GIVEN = P .. ':leases:sessions', P .. ':leases:held', P .. ':leases:given'

local function changed(text)
  local n = call('INCR', P .. ':leases:changes')
  call('PUBLISH', P .. ':leases', string.format('%.0f', n) .. '\n' .. text)
end

local function ids_of(holder) return P .. ':leases:of:' .. holder end

local function number_of(holder)
  local session = call('HGET', SESSIONS, holder)
  return session and string.match(session, '^%d+')
end

local function read_holding(text)
  if not text then return nil end
  local epoch, holder, from = string.match(text, '^(%d+) (%S+ %d+)(.*)$')
  return {epoch = epoch, holder = holder, from = from}
end

local function grant(id, holder, at_least, from)
  local given = inc(larger_of(call('GET', GIVEN) or '0', at_least))
  call('SET', GIVEN, given)
  local before = read_holding(call('HGET', HELD, id))
  if before and before.holder ~= holder then call('SREM', ids_of(before.holder), id) end
  local text = given .. ' ' .. holder .. from
  call('HSET', HELD, id, text)
  call('SADD', ids_of(holder), id)
  changed('held\n' .. id .. '\n' .. text)
  return given
end

local function free(id, holder)
  call('HDEL', HELD, id)
  call('SREM', ids_of(holder), id)
  changed('free\n' .. id)
end

local function finish(holder)
  call('HDEL', SESSIONS, holder)
  for _, id in ipairs(call('SMEMBERS', ids_of(holder))) do free(id, holder) end
end
