-- All records, and how many changes there were: {changes, record..}.
local out = {call('GET', P .. ':nodes:changes') or '0'}
for _, record in ipairs(call('HVALS', RECORDS)) do out[#out + 1] = record end
return out
