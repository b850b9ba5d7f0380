DECLARE
  store CONSTANT text := @store_text@;
  views CONSTANT text := @views_text@;
  mark CONSTANT text := 'made by guildhall store views';
  entity record;
  is_there oid;
  select_list text;
  made text[] := '{}';
BEGIN
  FOR entity IN SELECT * FROM (VALUES
@tables@
  ) AS entities (name, message, columns) LOOP
    is_there := to_regclass(format('%I.%I', store, entity.name));
    IF is_there IS NULL THEN
      RAISE NOTICE 'no table %.%: no app has used it yet', store, entity.name;
      CONTINUE;
    END IF;
    SELECT string_agg(CASE WHEN attname::text = ANY (entity.columns) AND atttypid = 'bytea'::regtype
        THEN format('%I.guildhall_json(%I, %L) -> %L AS %I', views, attname, entity.message, attname, attname)
        ELSE format('%I', attname) END, ', ' ORDER BY attnum)
      INTO select_list
      FROM pg_attribute
      WHERE attrelid = is_there AND attnum > 0 AND NOT attisdropped AND attname <> 'guildhall_records';
    select_list := format('VIEW %I.%I AS SELECT %s FROM %I.%I WHERE guildhall_exists',
      views, entity.name, select_list, store, entity.name);
    is_there := to_regclass(format('%I.%I', views, entity.name));
    IF is_there IS NOT NULL AND obj_description(is_there, 'pg_class') IS DISTINCT FROM mark THEN
      RAISE EXCEPTION '%.% is there and was not made by guildhall store views; rename it', views, entity.name;
    END IF;
    BEGIN
      -- Keeps grants, and views on this view. It can, as long as columns were added at the end.
      EXECUTE 'CREATE OR REPLACE ' || select_list;
    EXCEPTION WHEN invalid_table_definition THEN
      EXECUTE format('DROP VIEW %I.%I', views, entity.name);
      EXECUTE 'CREATE ' || select_list;
    END;
    EXECUTE format('COMMENT ON VIEW %I.%I IS %L', views, entity.name, mark);
    made := made || entity.name;
  END LOOP;
  IF made = '{}' THEN
    RAISE EXCEPTION 'the schema % has no table of these entities; say with --schema where the store is', store;
  END IF;
  -- The functions no longer know the types of views of entities that are gone.
  FOR entity IN SELECT relname::text AS name FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(views)) AND relkind = 'v'
      AND obj_description(oid, 'pg_class') = mark AND relname::text <> ALL (made)
  LOOP
    RAISE NOTICE 'dropped the view %.%: no such entity is in the descriptors', views, entity.name;
    EXECUTE format('DROP VIEW %I.%I', views, entity.name);
  END LOOP;
END
