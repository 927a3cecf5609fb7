-- What Bascule still has on this server, or in this database: kind and name.
WITH here AS (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
SELECT 'publication' AS kind, pubname::pg_catalog.text AS name FROM pg_catalog.pg_publication WHERE pubname ~ '^bascule_'
UNION ALL
SELECT 'subscription', subname::pg_catalog.text FROM pg_catalog.pg_subscription, here
 WHERE subdbid = here.oid AND subname ~ '^bascule_'
UNION ALL
SELECT 'slot', slot_name::pg_catalog.text FROM pg_catalog.pg_replication_slots
 WHERE slot_name ~ '^bascule_' AND database = pg_catalog.current_database()
UNION ALL
-- Roles belong to the server, where moves of other databases may be under way: those with rights here are ours.
SELECT 'role', r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r, here
 WHERE r.rolname ~ '^bascule_'
   AND EXISTS (SELECT FROM pg_catalog.pg_shdepend d
                WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = r.oid
                  AND (d.dbid = here.oid OR (d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.objid = here.oid)))
UNION ALL
SELECT 'schema', nspname::pg_catalog.text FROM pg_catalog.pg_namespace WHERE nspname = 'bascule'
UNION ALL
SELECT 'trigger', pg_catalog.format('%I on %s', g.tgname, g.tgrelid::pg_catalog.regclass)
 FROM pg_catalog.pg_trigger g WHERE NOT g.tgisinternal AND g.tgname ~ '^bascule_'
UNION ALL
SELECT 'event trigger', evtname::pg_catalog.text FROM pg_catalog.pg_event_trigger WHERE evtname ~ '^bascule_'
ORDER BY 1, 2;
