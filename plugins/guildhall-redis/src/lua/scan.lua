-- scan
-- Rows of one set of a table, whole: {'done', {place, row}..} or {'outdated'}. A row is a flat hash. The set is k, s or g: rows that exist by
-- key, those with sub keys, tombstones by time.
if is_outdated() then return {'outdated'} end
local table_name, kind, after, limit = take(), take(), take(), count()
local sets = {k = ':keys:', s = ':subs:', g = ':gone:'}
local from = after == '' and '-' or '(' .. after
local out = {'done'}
for i, member in ipairs(call('ZRANGEBYLEX', P .. sets[kind] .. table_name, from, '+', 'LIMIT', 0, limit)) do
  local place = kind == 'k' and 'r' .. member or kind == 's' and 's' .. member or string.sub(member, 21)
  out[i + 1] = {place, call('HGETALL', row_key(table_name, place))}
end
return out
