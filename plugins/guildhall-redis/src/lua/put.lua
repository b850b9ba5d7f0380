-- put
-- Puts whole rows of one table, all or none: {'done'}, {'changed', which}, {'taken', which, column, place of the other} or {'outdated'}.
if is_outdated() then return {'outdated'} end
local waits = take()
local t = take_table()
local rows = {}
for r = 1, count() do
  -- The version of the row that is there, empty for none; the hash that it becomes; values of indexed columns by their numbers.
  local row = {place = take(), before = take(), exists = take() == '1', over_ms = take(), fields = {}, given = {}}
  for i = 1, count() do row.fields[i] = take() end
  for i = 1, count() do row.given[take()] = take() end
  row.key = row_key(t.name, row.place)
  row.head = head_of(row.key)
  rows[r] = row
  if (row.head[1] or '') ~= row.before then return {'changed', r - 1} end
end

-- Which values are free after the rows that are replaced have gone, and which are taken by a row before.
local freed, taken = {}, {}
for _, row in ipairs(rows) do
  row.old = {}
  for _, column in ipairs(t.columns) do
    local old = row.head[2] == '1' and call('HGET', row.key, column.kept) or nil
    row.old[column.number] = old
    if old then freed[column.holders .. '\0' .. old] = row.place end
  end
end
for r, row in ipairs(rows) do
  for _, column in ipairs(t.columns) do
    local value = row.exists and (row.given[column.number] or column.default)
    if value and column.unique and value ~= column.default then
      local name = column.holders .. '\0' .. value
      local other = taken[name] or call('HGET', column.holders, value)
      if other == row.place or (other and not taken[name] and other == freed[name]) then other = nil end
      if other then return {'taken', r - 1, column.number, other} end
      taken[name] = row.place
    end
  end
end

-- Order of value, then key: zeros in a value are doubled so that its end is found.
local function member(value, place)
  return string.gsub(value, '%z', '\0\255') .. '\0\1' .. string.sub(place, 2)
end

for _, row in ipairs(rows) do
  -- First what a full memory refuses: after another write a server lets all that follows pass.
  call('HSET', row.key, unpack(row.fields))
  local stays, gone = {}, {}
  for i = 1, #row.fields, 2 do stays[row.fields[i]] = true end
  for _, name in ipairs(call('HKEYS', row.key)) do
    if not stays[name] then gone[#gone + 1] = name end
  end
  if #gone > 0 then call('HDEL', row.key, unpack(gone)) end
  for _, column in ipairs(t.columns) do
    local old = row.old[column.number]
    if old then
      if call('HGET', column.holders, old) == row.place then call('HDEL', column.holders, old) end
      if string.sub(row.place, 1, 1) == 'r' then call('ZREM', column.index, member(old, row.place)) end
    end
  end
  if row.head[1] then
    if row.head[2] == '1' then
      call('ZREM', set_of(t.name, row.place), string.sub(row.place, 2))
    else
      unbury(t.name, row.place, row.head[8] or '0')
    end
  end
  if not row.exists then
    bury(t.name, row.place, row.over_ms)
  else
    call('ZADD', set_of(t.name, row.place), 0, string.sub(row.place, 2))
  end
end
for _, row in ipairs(rows) do
  for _, column in ipairs(t.columns) do
    local value = row.exists and (row.given[column.number] or column.default)
    if value then
      if column.unique and value ~= column.default then call('HSET', column.holders, value, row.place) end
      if string.sub(row.place, 1, 1) == 'r' then call('ZADD', column.index, 0, member(value, row.place)) end
      call('HSET', row.key, column.kept, value)
    end
  end
end
if waits == '1' then call('INCR', P .. ':waits') end
return {'done'}
