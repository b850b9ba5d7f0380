-- Removes records whose lives are exactly as they were seen a TTL ago.
for i = 1, count() do
  local id, seen = take(), take()
  if call('HGET', LIVES, id) == seen then remove(id, string.match(seen, '^%d+')) end
end
return {'done'}
