-- Reads rows: {'done', row..}, each a flat hash, empty where there is none; or {'outdated'}.
if is_outdated() then return {'outdated'} end
local out = {'done'}
for i = 1, count() do
  local table_name = take()
  out[i + 1] = call('HGETALL', row_key(table_name, take()))
end
return out
