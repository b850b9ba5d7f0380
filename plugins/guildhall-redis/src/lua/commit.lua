-- Commits batches, each all or nothing: {'done', answer..} or {'outdated'}. An answer is {'done', version..}, {'refused', which, head},
-- {'kept', which, ms left}, {'half', epoch} or {'taken', which, column, place of the other}.
if is_outdated() then return {'outdated'} end
local waits = take()
local now = now_ms()
local tables = {}
for i = 1, count() do tables[i] = take_table() end

local function take_op()
  local op = {t = tables[count()], place = take(), guard = take()}
  if op.guard == 'o' then
    op.by = {take(), take(), take(), take(), take()}
  end
  op.version, op.next, op.write = take(), take(), take()
  op.fields, op.given = {}, {}
  for i = 1, count() do
    op.fields[#op.fields + 1] = take()
    op.fields[#op.fields + 1] = take()
    local number = take()
    if number ~= '' then op.given[number] = take() end
  end
  if take() == '1' then op.records = take() end
  op.keep_ms = take()
  op.key = row_key(op.t.name, op.place)
  return op
end

local function is_owner(op)
  local head = op.head
  for n = 1, 5 do
    if head[n + 2] ~= op.by[n] then return false end
  end
  return true
end

-- What a write comes to: 'changed', 'repeated' or 'removed'; nil where it is refused.
local function decide(op)
  local head = head_of(op.key)
  op.head = head
  local there, exists, owned = head[1], head[2] == '1', head[3]
  if op.write == 'f' then
    if op.guard == 'a' then return nil end
    if not there then op.new = op.version return 'repeated' end
    local same = head[1] == op.version
    if op.guard == 'o' then same = same and is_owner(op) else same = same and not owned end
    if exists or not same then return nil end
    op.new = op.version
    return 'removed'
  end
  if op.guard == 'o' then
    if not there or not is_owner(op) then return nil end
    if head[1] == op.next then op.new = op.next return 'repeated' end
    if head[1] ~= op.version then return nil end
  elseif op.guard == 'v' then
    if owned or not exists or head[1] ~= op.version then return nil end
  elseif exists or owned then
    return nil
  end
  if (op.write == 'c') == exists then return nil end
  op.new = inc(head[1] or call('HGET', P .. ':removed', op.t.name) or '0')
  return 'changed'
end

-- Which values leave the indexes, and which come; the holder of a unique value that is another's.
local function index_of(ops)
  local leave, come, freed, taken = {}, {}, {}, {}
  for _, op in ipairs(ops) do
    if op.came_to == 'changed' then
      for _, column in ipairs(op.t.columns) do
        local old = op.head[2] == '1' and call('HGET', op.key, column.kept) or nil
        local new = op.given[column.number]
        if op.write == 'c' and not new then new = column.default end
        if op.write == 'u' and not new then new = old end
        if old ~= new then
          if old then
            leave[#leave + 1] = {op = op, column = column, value = old}
            freed[column.holders .. '\0' .. old] = op.place
          end
          if new then come[#come + 1] = {op = op, column = column, value = new} end
        end
      end
    end
  end
  for _, entry in ipairs(come) do
    local column, place = entry.column, entry.op.place
    if column.unique and entry.value ~= column.default then
      local name = column.holders .. '\0' .. entry.value
      local other = taken[name]
      if not other then
        other = call('HGET', column.holders, entry.value)
        if other == place or other == freed[name] then other = nil end
      end
      if other then return nil, {'taken', entry.op.which, column.number, other} end
      taken[name] = place
    end
  end
  return {leave = leave, come = come}
end

-- Order of value, then key: zeros in a value are doubled so that its end is found.
local function member(value, place)
  return string.gsub(value, '%z', '\0\255') .. '\0\1' .. string.sub(place, 2)
end

local function follow(index)
  for _, entry in ipairs(index.leave) do
    local column, place = entry.column, entry.op.place
    if call('HGET', column.holders, entry.value) == place then call('HDEL', column.holders, entry.value) end
    if string.sub(place, 1, 1) == 'r' then call('ZREM', column.index, member(entry.value, place)) end
    call('HDEL', entry.op.key, column.kept)
  end
  for _, entry in ipairs(index.come) do
    local column, place = entry.column, entry.op.place
    if column.unique and entry.value ~= column.default then call('HSET', column.holders, entry.value, place) end
    if string.sub(place, 1, 1) == 'r' then call('ZADD', column.index, 0, member(entry.value, place)) end
    call('HSET', entry.op.key, column.kept, entry.value)
  end
end

local function change(op)
  local head, key = op.head, op.key
  -- First what a full memory refuses: after another write a server lets all that follows pass.
  call('HSET', key, '@version', op.new, '@exists', op.write == 'd' and '0' or '1', unpack(op.fields))
  if op.records then call('HSET', key, '@records', op.records) end
  if head[1] and head[2] ~= '1' then unbury(op.t.name, op.place, head[8]) end
  if op.write == 'd' then
    local gone = {}
    for _, name in ipairs(call('HKEYS', key)) do
      if string.sub(name, 1, 1) ~= '@' then gone[#gone + 1] = name end
    end
    if #gone > 0 then call('HDEL', key, unpack(gone)) end
    local over_ms = '0'
    if op.keep_ms ~= '0' then over_ms = string.format('%.0f', math.min(now + tonumber(op.keep_ms), 9e15)) end
    call('HSET', key, '@over_ms', over_ms)
    call('ZREM', set_of(op.t.name, op.place), string.sub(op.place, 2))
    bury(op.t.name, op.place, over_ms)
  elseif op.write == 'c' then
    call('HDEL', key, '@over_ms')
    call('ZADD', set_of(op.t.name, op.place), 0, string.sub(op.place, 2))
  end
end

local function remove(op)
  local head = op.head
  unbury(op.t.name, op.place, head[8])
  call('DEL', op.key)
  if head[3] then
    local floor = call('HGET', P .. ':floors', head[3])
    local epoch = floor and string.match(floor, '^(%d+) ')
    if not epoch or not less(head[4], epoch) then
      call('HSET', P .. ':floors', head[3], head[4] .. ' ' .. head[5] .. ' ' .. head[6])
    end
  end
  -- One more than its own: a late write of its owner would take its token and the next version for itself.
  local removed = call('HGET', P .. ':removed', op.t.name) or '0'
  call('HSET', P .. ':removed', op.t.name, larger_of(removed, inc(op.new)))
end

local function commit(ops)
  local new, epoch = 0, '0'
  for _, op in ipairs(ops) do
    if op.write == 'f' then
      local over_ms = tonumber(call('HGET', op.key, '@over_ms') or '0')
      if over_ms > now then return {'kept', op.which, string.format('%.0f', over_ms - now)} end
    end
    op.came_to = decide(op)
    if not op.came_to then return {'refused', op.which, head_out(op.head)} end
    if op.came_to ~= 'repeated' then
      new = new + 1
      if op.came_to == 'changed' and epoch == '0' then epoch = op.head[4] or '0' end
    end
  end
  if new > 0 and new < #ops then return {'half', epoch} end
  local index, taken = index_of(ops)
  if taken then return taken end
  local out = {'done'}
  for i, op in ipairs(ops) do
    if op.came_to == 'changed' then change(op) elseif op.came_to == 'removed' then remove(op) end
    out[i + 1] = op.new
  end
  follow(index)
  return out
end

local out = {'done'}
for b = 1, count() do
  local ops = {}
  for i = 1, count() do
    ops[i] = take_op()
    ops[i].which = i - 1
  end
  out[b + 1] = commit(ops)
end
if waits == '1' then call('INCR', P .. ':waits') end
return out
