-- Checks over rows, and values made from rows, that call functions of the database's own: schema, table, name,
-- expression.
WITH own AS (
  SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
)
SELECT n.nspname::text, c.relname::text, k.conname::text, pg_get_expr(k.conbin, k.conrelid)
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid AND c.relkind = 'r'
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE k.contype = 'c'
   AND EXISTS (SELECT FROM pg_depend d JOIN own ON own.oid = d.refobjid
                WHERE d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND d.refclassid = 'pg_proc'::regclass)
UNION ALL
SELECT n.nspname::text, c.relname::text, a.attname::text, pg_get_expr(f.adbin, f.adrelid)
  FROM pg_attrdef f
  JOIN pg_class c ON c.oid = f.adrelid AND c.relkind = 'r'
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND to_jsonb(a) ->> 'attgenerated' = 's'
 WHERE EXISTS (SELECT FROM pg_depend d JOIN own ON own.oid = d.refobjid
                WHERE d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_proc'::regclass);
