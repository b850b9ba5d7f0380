-- Claims rows, all or none: {'done', row..} with each row as a flat hash, {'refused', which, head, floor} or {'outdated'}.
if is_outdated() then return {'outdated'} end
local waits = take()
local by = {take(), take(), take(), take(), take()} -- lease, epoch, app, incarnation, activation
local rows = {}
for i = 1, count() do rows[i] = {table_name = take(), place = take()} end

local floor = call('HGET', P .. ':floors', by[1])
local floor_epoch, floor_holder
if floor then floor_epoch, floor_holder = string.match(floor, '^(%d+) (.*)$') end
for i, row in ipairs(rows) do
  row.key = row_key(row.table_name, row.place)
  local head = head_of(row.key)
  row.head = head
  local refused = false
  if not head[1] then
    if floor then
      refused = less(by[2], floor_epoch)
        or (by[2] == floor_epoch and floor_holder ~= by[3] .. ' ' .. by[4])
    end
  elseif head[3] then
    refused = head[3] ~= by[1] or less(by[2], head[4])
      or (head[4] == by[2] and (head[5] ~= by[3] or head[6] ~= by[4]))
  end
  if refused then return {'refused', i - 1, head_out(head), floor or ''} end
end

local out = {'done'}
for i, row in ipairs(rows) do
  local head, key = row.head, row.key
  local own = head[1] and head[3]
  for n = 1, 5 do own = own and head[n + 2] == by[n] end
  if not own then
    local version = inc(head[1] or call('HGET', P .. ':removed', row.table_name) or '0')
    call('HSET', key, '@version', version, '@lease', by[1], '@epoch', by[2], '@app', by[3],
      '@incarnation', by[4], '@activation', by[5])
    if not head[1] then
      call('HSET', key, '@exists', '0', '@over_ms', '0')
      bury(row.table_name, row.place, '0')
    end
  end
  out[i + 1] = call('HGETALL', key)
end
if waits == '1' then call('INCR', P .. ':waits') end
return out
