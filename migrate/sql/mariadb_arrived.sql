-- On PostgreSQL: what a MariaDB database has become in schema public: columns with types, and next numbers.
SELECT c.relname AS table_name,
       a.attname AS name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS is_required,
       a.attidentity <> '' AS has_numbers
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
   AND c.relkind IN ('r', 'p')
 ORDER BY c.relname, a.attnum;
