-- Statements that take away what a copy put into this database: schemas that the current role owns, whatever
-- lies in other schemas and is its own, and its large objects. Extensions and what is theirs stays.
WITH me AS (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user),
schemas AS (
    SELECT n.oid, n.nspname
    FROM pg_catalog.pg_namespace n, me
    WHERE n.nspowner = me.oid AND n.nspname <> 'public'
),
kept AS (  -- schemas that stay, so what is in them goes one by one
    SELECT n.oid FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.oid NOT IN (SELECT oid FROM schemas)
),
mine AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_shdepend d, me
    WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = me.oid AND d.deptype = 'o'
      AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
)
SELECT 1 AS turn, pg_catalog.format('DROP SCHEMA IF EXISTS %I CASCADE', s.nspname) AS statement FROM schemas s
UNION ALL
SELECT 2, pg_catalog.format('DROP %s IF EXISTS %s CASCADE',
                            CASE i.type WHEN 'statistics object' THEN 'STATISTICS' ELSE i.type END, i.identity)
FROM kept k
JOIN pg_catalog.pg_depend d
  ON d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = k.oid AND d.deptype = 'n'
JOIN mine m ON m.classid = d.classid AND m.objid = d.objid
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) i
WHERE d.classid <> 'pg_catalog.pg_default_acl'::pg_catalog.regclass
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = d.classid AND e.objid = d.objid AND e.objsubid = 0
                    AND e.deptype IN ('e', 'i'))  -- goes with its extension, or with its table
UNION ALL
SELECT 3, pg_catalog.format('SELECT pg_catalog.lo_unlink(%s)', l.oid)
FROM pg_catalog.pg_largeobject_metadata l, me
WHERE l.lomowner = me.oid
ORDER BY 1;
