-- Age in seconds of the oldest open transaction of this database that has written, a prepared one included;
-- NULL without one.
SELECT max(date_part('epoch', clock_timestamp() - open.since))
  FROM (SELECT a.xact_start FROM pg_stat_activity a
         WHERE a.datname = current_database() AND a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
        UNION ALL
        SELECT p.prepared FROM pg_prepared_xacts p WHERE p.database = current_database()) AS open (since);
