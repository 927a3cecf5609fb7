-- Tables, partitioned tables and filled views that nobody has gathered statistics of yet, the largest first. Until
-- then they are planned badly; autovacuum does it by itself where it comes in time, though never for a
-- partitioned table as a whole.
SELECT n.nspname::text AS schema_name, c.relname::text AS name
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
 WHERE c.relkind IN ('r', 'p', 'm')
   AND c.relpersistence <> 't'
   AND (c.relkind <> 'm' OR c.relispopulated)
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule')
   AND n.nspname NOT LIKE 'pg\_toast%'
   AND s.last_analyze IS NULL AND s.last_autoanalyze IS NULL
 ORDER BY pg_table_size(c.oid) DESC, 1, 2;
