-- How the source is: microseconds that a small piece of work takes it, bytes by which its slowest standby or
-- other subscriber is behind, and sessions at work that are not ours.
SELECT (date_part('epoch', clock_timestamp() - statement_timestamp()) * 1000000)::bigint AS latency_us,
       coalesce((SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn)) FROM pg_stat_replication r
                  WHERE r.replay_lsn IS NOT NULL AND r.application_name NOT LIKE 'bascule%'), 0)::bigint AS behind_bytes,
       (SELECT count(*) FROM pg_stat_activity a
         WHERE a.state = 'active' AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
           AND a.application_name NOT LIKE 'bascule%') AS active_sessions
  FROM (SELECT count(*) AS n FROM generate_series(1, 20000) g WHERE hashtext(g::text) % 7 = 0) AS work
 WHERE work.n > 0;
