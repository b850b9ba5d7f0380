-- Writes a few pages, of which nobody reads anything.
call('SET', take() .. ':probe', take())
return {'done'}
