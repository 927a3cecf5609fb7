-- Every sequence that somebody may draw from; identity columns have theirs too.
SELECT n.nspname AS schema_name, c.relname AS name
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'S'
   AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule')
   AND pg_catalog.obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM 'bascule: only on this site'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1, 2;
