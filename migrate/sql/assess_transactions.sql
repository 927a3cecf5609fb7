-- What keeps a transaction open for long in this database: sessions, and two-phase transactions. How long is
-- long, in seconds, may stand in bascule.long_seconds.
SELECT 'session ' || a.pid || ' of ' || coalesce(a.usename, '?')
           || CASE WHEN a.application_name <> '' THEN ' (' || a.application_name || ')' ELSE '' END AS who,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds,
       false AS is_prepared
  FROM pg_stat_activity a
 WHERE a.datname = current_database()
   AND a.xact_start < clock_timestamp() - make_interval(secs => coalesce(nullif(current_setting('bascule.long_seconds', true), ''), '60')::float8)
   AND a.pid <> pg_backend_pid()
UNION ALL
SELECT 'prepared transaction ' || p.gid || ' of ' || p.owner,
       extract(epoch FROM clock_timestamp() - p.prepared)::float8,
       true
  FROM pg_prepared_xacts p
 WHERE p.database = current_database()
 ORDER BY seconds DESC;
