-- Whether a server can publish one stream more.
SELECT pg_catalog.current_setting('wal_level') AS wal_level,
       pg_catalog.current_setting('max_replication_slots')::pg_catalog.int4
         - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots) AS free_slots,
       pg_catalog.current_setting('max_wal_senders')::pg_catalog.int4
         - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication) AS free_senders;
