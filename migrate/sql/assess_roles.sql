-- The server's roles and what they have in this database; PostgreSQL's own are left out.
WITH mine AS (
    SELECT oid FROM pg_namespace
     WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND nspname NOT LIKE 'pg\_%'
)
SELECT r.rolname AS name, r.rolcanlogin AS may_log_in, r.rolsuper AS is_superuser,
       r.rolreplication AS may_replicate,
       (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace IN (TABLE mine)
           AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')) AS owns,
       (SELECT count(*) FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid
           AND s.deptype = 'a' AND s.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
       ) AS grants
  FROM pg_roles r
 WHERE r.rolname NOT LIKE 'pg\_%'
 ORDER BY 1;
