-- Whether this server can take part in a live move: log level, free slots and senders.
SELECT pg_is_in_recovery() AS is_standby,
       current_setting('wal_level') AS wal_level,
       current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots) AS free_slots,
       current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication) AS free_senders;
