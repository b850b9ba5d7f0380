-- Ends the session of that number.
local holder, wanted = take(), take()
if number_of(holder) == wanted then finish(holder) end
return {'done'}
