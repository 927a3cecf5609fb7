-- Every table of the database, the largest first; a partitioned table has no bytes of its own.
-- A deferrable key is none for replication: it cannot tell rows apart while they change.
SELECT n.nspname AS schema_name,
       c.relname AS name,
       CASE c.relkind WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign' ELSE 'table' END AS kind,
       greatest(c.reltuples, 0)::bigint AS estimated_rows,
       pg_table_size(c.oid) AS bytes,
       pg_indexes_size(c.oid) AS index_bytes,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
                  AND (i.indisprimary OR (c.relreplident = 'i' AND i.indisreplident))) AS has_key,
       c.relpersistence = 'u' AS is_unlogged,
       c.relrowsecurity AS has_row_security,
       c.relispartition AS is_partition,
       has_table_privilege(c.oid, 'SELECT') AS is_readable
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f')
   AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule')
   AND n.nspname NOT LIKE 'pg\_toast%'
 ORDER BY pg_total_relation_size(c.oid) DESC, 1, 2;
