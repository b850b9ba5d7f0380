-- All holdings, and how many changes there were: {changes, id, holding..}.
local out = {call('GET', P .. ':leases:changes') or '0'}
for _, text in ipairs(call('HGETALL', HELD)) do out[#out + 1] = text end
return out
