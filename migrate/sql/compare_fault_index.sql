-- The smallest index that no constraint, key or partition needs: its schema and name, how a comparison names it,
-- and the statement that makes it again.
SELECT n.nspname AS schema, x.relname AS name, format('%I.%I %I', n.nspname, c.relname, x.relname) AS told,
       pg_get_indexdef(i.indexrelid) AS definition
  FROM pg_index i
  JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT i.indisunique AND NOT i.indisexclusion AND NOT i.indisclustered AND i.indisvalid
   AND c.relkind IN ('r', 'm') AND NOT x.relispartition
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE (d.classid = 'pg_class'::regclass AND d.objid IN (c.oid, x.oid) AND d.deptype = 'e')
                       OR (d.refclassid = 'pg_class'::regclass AND d.refobjid = x.oid))
   AND NOT EXISTS (SELECT FROM pg_description d WHERE d.objoid = x.oid)
   AND x.reltablespace = 0
 ORDER BY pg_relation_size(x.oid), 1, 2
 LIMIT 1;
