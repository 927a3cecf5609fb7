-- Sessions of this database that could write, and for how long each has had a transaction open. Bascule's own are
-- left out: those of this very role that bear its name; and superusers', where this role is none, since it may not end
-- them: they are excepted and watched (freeze_suspects.sql). So is what replicates or cleans up; another background
-- worker is here while it is in a transaction.
SELECT a.pid, a.usename, a.application_name, pg_catalog.host(a.client_addr) AS client, a.state,
       pg_catalog.date_part('epoch', a.backend_start) AS started_epoch,
       pg_catalog.date_part('epoch', a.xact_start) AS begun_epoch,
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start) AS transaction_seconds,
       a.backend_xid IS NOT NULL AS has_written
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database()
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND NOT (a.usename = session_user AND (a.application_name = 'bascule' OR a.application_name LIKE 'bascule %'))
  AND (a.backend_type = 'client backend'
       OR (a.xact_start IS NOT NULL
           AND a.backend_type NOT IN ('walsender', 'autovacuum worker', 'parallel worker')
           AND a.backend_type NOT LIKE 'logical replication%'))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r, pg_catalog.pg_roles me
                   WHERE r.rolname = a.usename AND r.rolsuper AND me.rolname = session_user AND NOT me.rolsuper);
