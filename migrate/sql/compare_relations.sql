-- Everything that holds rows of its own: tables, leaves of partition trees, materialised views.
-- What an extension owns comes with the extension; a foreign table's rows live elsewhere.
SELECT n.nspname AS schema_name,
       c.relname AS name,
       CASE c.relkind WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign' ELSE 'table' END AS kind,
       CASE c.relkind WHEN 'm' THEN c.relispopulated ELSE true END AS is_readable,
       array(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attname COLLATE "C") AS columns,
       array(SELECT a.attname::text FROM pg_index i
               JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place) ON true
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
              WHERE i.indrelid = c.oid AND i.indisprimary
              ORDER BY k.place) AS key
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'f')
   AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg\_toast%'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY pg_table_size(c.oid) DESC, 1, 2;
