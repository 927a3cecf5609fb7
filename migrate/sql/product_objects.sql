-- What a product's schemas hold that a customer may have changed, each with its definition as text.
-- bascule.schemas: the schemas, separated by commas. Objects of extensions are not the product's.
WITH chosen AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname = ANY (pg_catalog.string_to_array(pg_catalog.current_setting('bascule.schemas'), ','))
), foreign_ones AS (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
)
SELECT 'table' AS kind, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, c.oid::bigint AS made,
       pg_catalog.string_agg(
           pg_catalog.format('%I %s%s%s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
                             CASE WHEN a.attnotnull THEN ' NOT NULL' END,
                             ' DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)),
           E'\n' ORDER BY a.attname) || E'\n' AS definition
FROM pg_catalog.pg_class c
JOIN chosen n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM foreign_ones f WHERE f.classid = 'pg_catalog.pg_class'::regclass AND f.objid = c.oid)
GROUP BY n.nspname, c.relname, c.oid
UNION ALL
SELECT 'view', pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid::bigint,
       pg_catalog.format(E'CREATE OR REPLACE VIEW %I.%I AS\n%s\n', n.nspname, c.relname,
                         pg_catalog.pg_get_viewdef(c.oid, true))
FROM pg_catalog.pg_class c
JOIN chosen n ON n.oid = c.relnamespace
WHERE c.relkind = 'v'
  AND NOT EXISTS (SELECT FROM foreign_ones f WHERE f.classid = 'pg_catalog.pg_class'::regclass AND f.objid = c.oid)
UNION ALL
SELECT 'function', p.oid::regprocedure::text, p.oid::bigint, pg_catalog.pg_get_functiondef(p.oid)
FROM pg_catalog.pg_proc p
JOIN chosen n ON n.oid = p.pronamespace
WHERE p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT FROM foreign_ones f WHERE f.classid = 'pg_catalog.pg_proc'::regclass AND f.objid = p.oid)
UNION ALL
SELECT 'trigger', pg_catalog.format('%I ON %I.%I', t.tgname, n.nspname, c.relname), t.oid::bigint,
       pg_catalog.pg_get_triggerdef(t.oid, false) || E';\n'
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN chosen n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal
ORDER BY 3
