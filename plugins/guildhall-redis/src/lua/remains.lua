-- remains
-- What removed rows have left: {{lease, floor..}, {table, version..}}.
local P = take()
return {call('HGETALL', P .. ':floors'), call('HGETALL', P .. ':removed')}
