-- Client sessions of this database, other than this one, and for how long each has had a transaction open.
SELECT a.pid, a.usename, a.application_name, pg_catalog.host(a.client_addr) AS client, a.state,
       pg_catalog.date_part('epoch', a.backend_start) AS started_epoch,
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start) AS transaction_seconds,
       a.backend_xid IS NOT NULL AS has_written
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database()
  AND a.backend_type = 'client backend'
  AND a.pid <> pg_catalog.pg_backend_pid();
