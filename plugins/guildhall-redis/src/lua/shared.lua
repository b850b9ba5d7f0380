-- What all scripts share. Numbers of 64 bits are decimal texts: Lua's own have 53 bits.
local at = 0
local function take() at = at + 1 return ARGV[at] end
local function count() return tonumber(take()) end
local call = redis.call

-- One more.
local function inc(n)
  local head, nines = string.match(n, '^(%d-)(9*)$')
  local zeros = string.rep('0', #nines)
  if head == '' then return '1' .. zeros end
  return string.sub(head, 1, -2) .. (string.byte(head, -1) - 47) .. zeros
end

-- Whether a < b. Texts are not compared by <, which asks the server's locale.
local function less(a, b)
  if #a ~= #b then return #a < #b end
  for i = 1, #a do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end

local function larger_of(a, b) if less(a, b) then return b end return a end

local function now_ms()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
