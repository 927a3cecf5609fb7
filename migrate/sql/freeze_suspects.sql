-- Sessions of this database that could write although it is fenced: those of roles that no right can be taken from.
SELECT a.usename, a.application_name, pg_catalog.host(a.client_addr) AS client, a.backend_start
FROM pg_catalog.pg_stat_activity a
JOIN pg_catalog.pg_roles r ON r.rolname = a.usename
WHERE a.datname = pg_catalog.current_database()
  AND a.backend_type NOT IN ('walsender', 'autovacuum worker', 'parallel worker')
  AND a.backend_type NOT LIKE 'logical replication%'
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND NOT (a.usename = session_user AND (a.application_name = 'bascule' OR a.application_name LIKE 'bascule %'))
  AND (r.rolsuper OR EXISTS (
      SELECT FROM pg_catalog.pg_roles w
      WHERE w.rolname = 'pg_write_all_data' AND pg_catalog.pg_has_role(r.oid, w.oid, 'MEMBER')
  ))
ORDER BY a.backend_start;
