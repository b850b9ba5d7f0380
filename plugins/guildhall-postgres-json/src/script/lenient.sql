BEGIN
  RETURN @views@.guildhall_json_strict(ARRAY[message], type, 0);
EXCEPTION
  -- No text of UTF-8, and more than a jsonb takes.
  WHEN SQLSTATE 'GHJ01' OR character_not_in_repertoire OR untranslatable_character OR program_limit_exceeded THEN
    RETURN NULL;
END
