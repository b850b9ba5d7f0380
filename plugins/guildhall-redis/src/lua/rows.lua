-- What scripts about rows share. A row is a hash: its fields by name, and its head under names with @. A place names a row of a table:
-- r and the key, or s, the length of the key, the key and the sub key.
local P, stamp = take(), take()
local HEAD = {'@version', '@exists', '@lease', '@epoch', '@app', '@incarnation', '@activation', '@over_ms'}

local function is_outdated() return (call('HGET', P .. ':meta', 'stamp') or '0') ~= stamp end

local function row_key(table_name, place)
  local kind = string.sub(place, 1, 1) == 'r' and ':row:' or ':sub:'
  return P .. kind .. table_name .. ':' .. string.sub(place, 2)
end

-- A table, and those of its columns that are indexed.
local function take_table()
  local t = {name = take(), columns = {}}
  for c = 1, count() do
    local column = {number = take(), unique = take() == '1', default = take()}
    column.kept, column.index = '@i' .. column.number, P .. ':index:' .. t.name .. ':' .. column.number
    column.holders = P .. ':unique:' .. t.name .. ':' .. column.number
    t.columns[c] = column
  end
  return t
end

local function head_of(key) return call('HMGET', key, unpack(HEAD)) end

local function head_out(head)
  local out = {}
  for i = 1, #HEAD do out[i] = head[i] or '' end
  return out
end

-- Tombstones by the time from which they may go.
local function pad(n) return string.rep('0', 20 - #n) .. n end

local function set_of(table_name, place)
  local kind = string.sub(place, 1, 1) == 'r' and ':keys:' or ':subs:'
  return P .. kind .. table_name
end

local function bury(table_name, place, over_ms)
  call('ZADD', P .. ':gone:' .. table_name, 0, pad(over_ms) .. place)
end

local function unbury(table_name, place, over_ms)
  call('ZREM', P .. ':gone:' .. table_name, pad(over_ms) .. place)
end
