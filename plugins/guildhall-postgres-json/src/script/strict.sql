DECLARE
  fields jsonb := @messages@::jsonb -> of_type;
  field jsonb;      -- of the present key; NULL where the type has none
  bytes bytea;
  size int;
  at int;           -- the next byte
  until int;        -- where the present value must end
  packed_end int;
  step int;         -- what comes next: 0 a key, 1 a value, 2 a length, 3 a value of a packed list
  wire int;
  byte int;
  shift int;
  bits bigint;      -- an unsigned number of 64 bits
  number bigint;
  kind text;
  value jsonb;
  raw bytea;
  oneofs jsonb := '{}';
  -- Everything that was read, in its order: arrays, because adding to jsonb takes time by the square.
  numbers bigint[] := '{}';
  scalars jsonb[] := '{}';
  raws bytea[] := '{}';
  found record;
  item bytea;
  entry jsonb;
  keys text[];
  items jsonb[];
  names text[] := '{}';
  shown jsonb[] := '{}';
BEGIN
  IF fields IS NULL THEN
    RAISE EXCEPTION 'no message type % is known here; run the SQL of guildhall store views again', left(of_type, 200)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF depth > 100 THEN
    RAISE EXCEPTION 'messages nest deeper than 100' USING ERRCODE = 'GHJ01';
  END IF;
  FOREACH bytes IN ARRAY pieces LOOP
    size := octet_length(bytes);
    at := 0;
    step := 0;
    packed_end := 0;
    WHILE at < size OR step <> 0 LOOP
      until := CASE WHEN step = 3 THEN packed_end ELSE size END;
      bits := 0;
      IF step IN (0, 2) OR wire = 0 THEN
        shift := 0;
        LOOP
          IF at >= until THEN
            RAISE EXCEPTION '%: a number is cut at byte %', of_type, at USING ERRCODE = 'GHJ01';
          END IF;
          byte := get_byte(bytes, at);
          at := at + 1;
          IF shift = 63 AND byte > 1 THEN
            RAISE EXCEPTION '%: a number at byte % has more than 64 bits', of_type, at USING ERRCODE = 'GHJ01';
          END IF;
          bits := bits | ((byte & 127)::bigint << shift);
          EXIT WHEN byte < 128;
          shift := shift + 7;
        END LOOP;
      ELSE
        -- 4 bytes, or 8, the lowest first.
        IF until - at < 4 OR (wire = 1 AND until - at < 8) THEN
          RAISE EXCEPTION '%: a number is cut at byte %', of_type, at USING ERRCODE = 'GHJ01';
        END IF;
        bits := get_byte(bytes, at)::bigint | (get_byte(bytes, at + 1)::bigint << 8)
          | (get_byte(bytes, at + 2)::bigint << 16) | (get_byte(bytes, at + 3)::bigint << 24);
        at := at + 4;
        IF wire = 1 THEN
          bits := bits | (get_byte(bytes, at)::bigint << 32) | (get_byte(bytes, at + 1)::bigint << 40)
            | (get_byte(bytes, at + 2)::bigint << 48) | (get_byte(bytes, at + 3)::bigint << 56);
          at := at + 4;
        END IF;
      END IF;

      value := NULL;
      raw := NULL;
      IF step = 0 THEN
        number := bits >> 3;
        wire := (bits & 7)::int;
        IF bits < 8 OR bits > 4294967295 OR wire NOT IN (0, 1, 2, 5) THEN
          RAISE EXCEPTION '%: no key of a field before byte %', of_type, at USING ERRCODE = 'GHJ01';
        END IF;
        field := fields -> number::text;
        kind := field ->> 'k';
        IF wire <> (field ->> 'w')::int AND NOT (wire = 2 AND field ? 'l') THEN
          RAISE EXCEPTION '%: field % has another type before byte %', of_type, number, at USING ERRCODE = 'GHJ01';
        END IF;
        step := CASE wire WHEN 2 THEN 2 ELSE 1 END;
        CONTINUE;
      ELSIF step = 2 THEN
        IF bits < 0 OR bits > size - at THEN
          RAISE EXCEPTION '%: field % is cut after byte %', of_type, number, at USING ERRCODE = 'GHJ01';
        END IF;
        step := 0;
        IF field IS NULL THEN
          at := at + bits::int;
          CONTINUE;
        END IF;
        IF (field ->> 'w')::int <> 2 THEN
          packed_end := at + bits::int;
          wire := (field ->> 'w')::int;
          step := CASE WHEN bits = 0 THEN 0 ELSE 3 END;
          CONTINUE;
        END IF;
        raw := substr(bytes, at + 1, bits::int);
        at := at + bits::int;
        IF kind = 'bytes' THEN
          value := to_jsonb(replace(encode(raw, 'base64'), chr(10), ''));
        ELSIF kind = 'string' THEN
          -- NUL and U+0001 are two characters, as in columns of texts.
          IF position(decode('00', 'hex') IN raw) > 0 OR position(decode('01', 'hex') IN raw) > 0 THEN
            SELECT string_agg(CASE c_byte WHEN 0 THEN decode('0101', 'hex') WHEN 1 THEN decode('0102', 'hex')
                ELSE substr(raw, c_at + 1, 1) END, decode('', 'hex') ORDER BY c_at)
              INTO raw
              FROM generate_series(0, octet_length(raw) - 1) AS c_at, LATERAL get_byte(raw, c_at) AS c_byte;
          END IF;
          value := to_jsonb(convert_from(raw, 'UTF8'));
        END IF;
      ELSE
        step := CASE WHEN step = 3 AND at < packed_end THEN 3 ELSE 0 END;
        CONTINUE WHEN field IS NULL;
        value := CASE kind
          WHEN 'int64' THEN to_jsonb(bits)
          WHEN 'uint32' THEN to_jsonb(bits & 4294967295)
          WHEN 'int32' THEN to_jsonb(((bits & 4294967295) # 2147483648) - 2147483648)
          WHEN 'bool' THEN to_jsonb(bits <> 0)
          WHEN 'uint64' THEN to_jsonb(bits::numeric + CASE WHEN bits < 0 THEN 18446744073709551616 ELSE 0 END)
          WHEN 'sint32' THEN to_jsonb(((bits & 4294967295) >> 1) # -(bits & 1))
          WHEN 'sint64' THEN to_jsonb(((bits >> 1) & 9223372036854775807) # -(bits & 1))
          WHEN 'enum' THEN COALESCE(
            @enums@::jsonb -> (field ->> 't') -> (((bits & 4294967295) # 2147483648) - 2147483648)::text,
            to_jsonb(((bits & 4294967295) # 2147483648) - 2147483648))
          WHEN 'float' THEN CASE (bits >> 23) & 255
            WHEN 255 THEN to_jsonb(CASE WHEN bits & 8388607 <> 0 THEN 'NaN' WHEN bits >> 31 = 1 THEN '-Infinity' ELSE 'Infinity' END)
            WHEN 0 THEN to_jsonb(((1 - 2 * (bits >> 31)) * (bits & 8388607) * power(2::float8, -149))::float4)
            ELSE to_jsonb(((1 - 2 * (bits >> 31)) * (bits & 8388607 | 8388608)
              * power(2::float8, ((bits >> 23) & 255)::float8 - 150))::float4) END
          WHEN 'double' THEN CASE (bits >> 52) & 2047
            WHEN 2047 THEN to_jsonb(CASE WHEN bits & 4503599627370495 <> 0 THEN 'NaN' WHEN bits < 0 THEN '-Infinity' ELSE 'Infinity' END)
            -- In two steps, because the power alone may be too small for a float8.
            WHEN 0 THEN to_jsonb(CASE WHEN bits < 0 THEN -1 ELSE 1 END * (bits & 4503599627370495)
              * power(2::float8, -1000) * power(2::float8, -74))
            ELSE to_jsonb(CASE WHEN bits < 0 THEN -1 ELSE 1 END * (bits & 4503599627370495 | 4503599627370496)
              * power(2::float8, greatest(((bits >> 52) & 2047) - 1075, -1000)::float8)
              * power(2::float8, least(((bits >> 52) & 2047) - 75, 0)::float8)) END
        END;
      END IF;

      -- Another member of a oneof ends what was before it.
      IF field ? 'o' AND (oneofs -> (field ->> 'o') ->> 0) IS DISTINCT FROM number::text THEN
        oneofs := oneofs || jsonb_build_object(field ->> 'o', jsonb_build_array(number, cardinality(numbers)));
      END IF;
      numbers := array_append(numbers, number);
      scalars := array_append(scalars, value);
      raws := array_append(raws, CASE WHEN kind = 'message' THEN raw END);
    END LOOP;
  END LOOP;

  IF cardinality(numbers) = 0 THEN
    RETURN '{}';
  END IF;
  FOR found IN
    SELECT c_number, c_kept, array_agg(c_scalar ORDER BY c_at) AS scalars, array_agg(c_raw ORDER BY c_at) AS raws
      FROM (SELECT *, c_at > COALESCE((oneofs -> (fields -> c_number::text ->> 'o') ->> 1)::bigint, 0) AS c_kept
        FROM unnest(numbers, scalars, raws) WITH ORDINALITY AS c (c_number, c_scalar, c_raw, c_at)) AS entries
      GROUP BY c_number, c_kept
  LOOP
    field := fields -> found.c_number::text;
    IF NOT found.c_kept THEN
      -- Not shown, and still has to be what it says it is.
      IF field ->> 'k' = 'message' THEN
        FOREACH item IN ARRAY found.raws LOOP
          value := @views@.guildhall_json_strict(ARRAY[item], field ->> 't', depth + 1);
        END LOOP;
      END IF;
      CONTINUE;
    ELSIF field ? 'm' THEN
      keys := '{}';
      items := '{}';
      FOREACH item IN ARRAY found.raws LOOP
        entry := @views@.guildhall_json_strict(ARRAY[item], field ->> 't', depth + 1);
        keys := array_append(keys, COALESCE(entry ->> 'key', field -> 'm' ->> 0));
        items := array_append(items, COALESCE(entry -> 'value', field -> 'm' -> 1));
      END LOOP;
      SELECT jsonb_object_agg(c_key, c_item ORDER BY c_at) INTO value
        FROM unnest(keys, items) WITH ORDINALITY AS c (c_key, c_item, c_at);
    ELSIF field ->> 'k' <> 'message' THEN
      value := CASE WHEN field ? 'l' THEN to_jsonb(found.scalars) ELSE found.scalars[cardinality(found.scalars)] END;
      CONTINUE WHEN value = field -> 'd';
    ELSIF field ? 'l' THEN
      items := '{}';
      FOREACH item IN ARRAY found.raws LOOP
        items := array_append(items, @views@.guildhall_json_strict(ARRAY[item], field ->> 't', depth + 1));
      END LOOP;
      value := to_jsonb(items);
    ELSE
      value := @views@.guildhall_json_strict(found.raws, field ->> 't', depth + 1);
    END IF;
    names := array_append(names, field ->> 'n');
    shown := array_append(shown, value);
  END LOOP;
  RETURN (SELECT COALESCE(jsonb_object_agg(c_name, c_value), '{}') FROM unnest(names, shown) AS c (c_name, c_value));
END
