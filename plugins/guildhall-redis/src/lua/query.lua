-- Walks over the keys of a table, or over one of its indexes: {'done', more, key of the last one, its value of the order, {key, row}..} or
-- {'outdated'}. A row is a flat hash.
if is_outdated() then return {'outdated'} end
local table_name, set, from, to, down = take(), take(), take(), take(), take() == '1'
local is_index, looks, limit, order = take() == '1', count(), count(), take()
local conditions = {}
for i = 1, count() do conditions[i] = {kept = take(), compare = take(), value = take()} end
local whole = take() == '1'

local members
if down then
  members = call('ZREVRANGEBYLEX', set, to, from, 'LIMIT', 0, looks + 1)
else
  members = call('ZRANGEBYLEX', set, from, to, 'LIMIT', 0, looks + 1)
end

local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function meets(row, condition)
  local value = call('HGET', row, condition.kept)
  if not value then return false end
  if condition.compare == '=' then return value == condition.value end
  if condition.compare == '<' then return before(value, condition.value) end
  return before(condition.value, value)
end

local more, last, found = '0', '', {}
for i, member in ipairs(members) do
  if #found == limit or i > looks then
    more = '1'
    break
  end
  local key = member
  if is_index then
    local _, ends = string.find(member, '\0\1', 1, true)
    key = string.sub(member, ends + 1)
  end
  last = key
  local row = P .. ':row:' .. table_name .. ':' .. key
  local all = true
  for _, condition in ipairs(conditions) do all = all and meets(row, condition) end
  if all then
    local fields
    if whole then
      fields = call('HGETALL', row)
    else
      local names = {'@version', '@exists', '@lease', '@epoch', '@app', '@incarnation', '@activation'}
      if order ~= '' then names[#names + 1] = order end
      local values = call('HMGET', row, unpack(names))
      fields = {}
      for n, name in ipairs(names) do
        if values[n] then
          fields[#fields + 1] = name
          fields[#fields + 1] = values[n]
        end
      end
    end
    found[#found + 1] = {key, fields}
  end
end
local value = {}
if more == '1' and order ~= '' then
  local raw = call('HGET', P .. ':row:' .. table_name .. ':' .. last, order)
  if raw then value = {raw} end
end
return {'done', more, last, value, unpack(found)}
