-- Materialised views, each after those that it is made from, and whether they hold anything.
WITH RECURSIVE uses AS (
    SELECT DISTINCT r.ev_class AS view, d.refobjid AS used
    FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_depend d
      ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
     AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
), depths (oid, depth) AS (
    SELECT c.oid, 0 FROM pg_catalog.pg_class c WHERE c.relkind = 'm'
    UNION
    SELECT u.view, d.depth + 1 FROM depths d JOIN uses u ON u.used = d.oid
)
SELECT n.nspname::pg_catalog.text AS schema_name, c.relname::pg_catalog.text AS name, c.relispopulated AS is_populated
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN depths d ON d.oid = c.oid
WHERE c.relkind = 'm' AND pg_catalog.obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM 'bascule: only on this site'
GROUP BY 1, 2, 3
ORDER BY max(d.depth), 1, 2;
