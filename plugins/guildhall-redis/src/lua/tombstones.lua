-- Tombstones of a table that may go: {'done', {place, over_ms, head..}..} or {'outdated'}.
if is_outdated() then return {'outdated'} end
local table_name, after, limit = take(), take(), count()
local from = after == '' and '-' or '(' .. after
local to = '(' .. pad(string.format('%.0f', now_ms() + 1))
local out = {'done'}
for i, member in ipairs(call('ZRANGEBYLEX', P .. ':gone:' .. table_name, from, to, 'LIMIT', 0, limit)) do
  local place = string.sub(member, 21)
  out[i + 1] = {place, head_out(head_of(row_key(table_name, place)))}
end
return out
