-- The columns of all tables: {format, stamp, {table, {number, text}..}..}.
local P = take()
local meta = call('HMGET', P .. ':meta', 'format', 'stamp')
local out = {meta[1] or '', meta[2] or '0'}
for i, name in ipairs(call('SMEMBERS', P .. ':tables')) do
  out[i + 2] = {name, call('HGETALL', P .. ':schema:' .. name)}
end
return out
