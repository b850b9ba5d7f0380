-- Rows of a table whose columns are indexed, from a place on: {'done', {place, version, value..}..} or {'outdated'}. A value is an array with
-- one text, or without.
if is_outdated() then return {'outdated'} end
local table_name, subs, after, limit = take(), take() == '1', take(), count()
local set = P .. (subs and ':subs:' or ':keys:') .. table_name
local names = {'@version'}
for i = 1, count() do names[#names + 1] = take() end
local from = after == '' and '-' or '(' .. after
local out = {'done'}
for i, name in ipairs(call('ZRANGEBYLEX', set, from, '+', 'LIMIT', 0, limit)) do
  local place = (subs and 's' or 'r') .. name
  local values = call('HMGET', row_key(table_name, place), unpack(names))
  local row = {place, values[1] or ''}
  for n = 2, #names do row[#row + 1] = {values[n] or nil} end
  out[i + 1] = row
end
return out
