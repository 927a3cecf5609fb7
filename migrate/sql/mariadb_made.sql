-- On PostgreSQL: names of all constraints and indexes in schema public, a constraint's with its table.
SELECT con.conrelid::pg_catalog.regclass::text || ' ' || con.conname AS name
  FROM pg_catalog.pg_constraint AS con
 WHERE con.connamespace = 'public'::pg_catalog.regnamespace
UNION ALL
SELECT c.relname
  FROM pg_catalog.pg_class AS c
 WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
   AND c.relkind IN ('i', 'I');
