-- A reading of the counters that only writes move; two of them give the write rate. One row.
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS at_milliseconds,
       s.tup_inserted + s.tup_updated + s.tup_deleted AS rows_written,
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END
           - '0/0'::pg_lsn)::bigint AS wal_bytes
  FROM pg_stat_database s
 WHERE s.datname = current_database();
