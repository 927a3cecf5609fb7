-- Every column of ordinary tables that a change carries: schema, table, column.
SELECT n.nspname::pg_catalog.text AS schema_name, c.relname::pg_catalog.text AS name, a.attname::pg_catalog.text AS column_name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') = '';
