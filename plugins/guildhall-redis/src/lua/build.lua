-- Puts values of rows into indexes, where the rows are as they were read: {'done', 1 where a row has changed meanwhile}, {'taken', column, place,
-- place of the other} or {'outdated'}.
if is_outdated() then return {'outdated'} end
local table_name, changed = take(), 0
local rows = {}
for r = 1, count() do
  local row = {place = take(), version = take(), entries = {}}
  row.key = row_key(table_name, row.place)
  for e = 1, count() do row.entries[e] = {number = take(), value = take(), unique = take() == '1'} end
  local head = head_of(row.key)
  if head[1] == row.version and head[2] == '1' then rows[#rows + 1] = row else changed = 1 end
end
local function member(value, place)
  return string.gsub(value, '%z', '\0\255') .. '\0\1' .. string.sub(place, 2)
end
for _, row in ipairs(rows) do
  for _, entry in ipairs(row.entries) do
    local index = P .. ':index:' .. table_name .. ':' .. entry.number
    local holders = P .. ':unique:' .. table_name .. ':' .. entry.number
    if entry.unique then
      local other = call('HGET', holders, entry.value)
      if other and other ~= row.place then return {'taken', entry.number, row.place, other} end
      call('HSET', holders, entry.value, row.place)
    end
    local is_key = string.sub(row.place, 1, 1) == 'r'
    local old = call('HGET', row.key, '@i' .. entry.number)
    if old and old ~= entry.value and is_key then call('ZREM', index, member(old, row.place)) end
    if is_key then call('ZADD', index, 0, member(entry.value, row.place)) end
    call('HSET', row.key, '@i' .. entry.number, entry.value)
  end
end
return {'done', changed}
