-- Backups of the server and maintenance of this database that run now. Only the name of a statement is
-- shown, never its text, which may hold what is nobody's business.
WITH others AS (
    SELECT a.*, (r.state = 'backup') AS streams_backup
      FROM pg_stat_activity a
      LEFT JOIN pg_stat_replication r ON r.pid = a.pid
     WHERE a.pid <> pg_backend_pid() AND (a.datname = current_database() OR a.datname IS NULL)
)
SELECT 'backup' AS kind,
       'session ' || o.pid || ' of ' || coalesce(o.usename, '?') || ' (' || o.application_name || ')' AS who,
       extract(epoch FROM clock_timestamp() - coalesce(o.backend_start, clock_timestamp()))::float8 AS seconds
  FROM others o
 WHERE o.streams_backup
    OR o.application_name ~* '^(pg_dump|pg_dumpall|pg_basebackup|pg_probackup|pgbackrest|barman|wal-g|wal-e)'
UNION ALL
SELECT 'maintenance',
       'session ' || o.pid || ' of ' || coalesce(o.usename, 'the server') || ' ('
           || lower(substring(o.query FROM '(?i)^\s*(autovacuum|vacuum full|vacuum|reindex|cluster|refresh'
                                           '|create (?:unique )?index|alter table)')) || ')',
       extract(epoch FROM clock_timestamp() - coalesce(o.xact_start, clock_timestamp()))::float8
  FROM others o
 WHERE o.state = 'active' AND o.query ~* '^\s*(vacuum|reindex|cluster|refresh|create (unique )?index|alter table)'
    OR o.query ~ '^autovacuum: .*to prevent wraparound'
 ORDER BY 1, 3 DESC;
