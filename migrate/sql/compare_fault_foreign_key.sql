-- The foreign key of the smallest table that has one: schema, table and name, how a comparison names it, its
-- definition, and the same with another rule for what is deleted.
SELECT n.nspname AS schema, c.relname AS table_name, k.conname AS name,
       format('%I.%I %I', n.nspname, c.relname, k.conname) AS told,
       pg_get_constraintdef(k.oid) AS definition,
       CASE k.confdeltype WHEN 'a' THEN regexp_replace(pg_get_constraintdef(k.oid),
                                                       '( DEFERRABLE| NOT VALID|$)', ' ON DELETE CASCADE\1')
            ELSE regexp_replace(pg_get_constraintdef(k.oid),
                                ' ON DELETE (CASCADE|RESTRICT|SET NULL|SET DEFAULT)( \([^)]*\))?', '') END AS other
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class f ON f.oid = k.confrelid
 WHERE k.contype = 'f' AND c.relkind = 'r' AND f.relkind = 'r' AND NOT c.relispartition AND NOT f.relispartition
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%'
   AND NOT EXISTS (SELECT FROM pg_description d WHERE d.objoid = k.oid)
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY pg_relation_size(c.oid), 1, 2, 3
 LIMIT 1;
