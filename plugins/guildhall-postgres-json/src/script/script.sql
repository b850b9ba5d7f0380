-- SQL views of Guildhall's rows with messages, lists and maps as jsonb, printed by `guildhall store views`.
-- Run it again after a release that adds entities or fields. The tables of the store are not changed.
BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL lock_timeout = '10s';
-- Two runs at once would replace the functions at once.
DO 'BEGIN PERFORM pg_advisory_xact_lock(hashtextextended(''guildhall store views'', 0)); END';
CREATE SCHEMA IF NOT EXISTS @views@;

-- Decodes a message that is given in pieces, as a field has them that occurs twice. Raises GHJ01 for bytes that are no such message.
CREATE OR REPLACE FUNCTION @views@.guildhall_json_strict(pieces bytea[], of_type text, depth int) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS @strict@;

-- The bytes of a message as jsonb. NULL for bytes that are no such message.
CREATE OR REPLACE FUNCTION @views@.guildhall_json(message bytea, type text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS @lenient@;

-- A view per entity whose table is there, with all columns but guildhall_records.
DO @make@;
COMMIT;
