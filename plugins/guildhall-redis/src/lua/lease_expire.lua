-- Ends sessions that are exactly as they were seen a TTL ago.
for i = 1, count() do
  local holder, seen = take(), take()
  if call('HGET', SESSIONS, holder) == seen then finish(holder) end
end
return {'done'}
