-- What a database is before it is dumped: position, whether it is frozen, version, size, extensions, definitions.
SELECT pg_catalog.json_build_object(
    'position', CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                     ELSE pg_catalog.pg_current_wal_lsn() END,
    'frozen', pg_catalog.current_setting('default_transaction_read_only') = 'on',
    'major', pg_catalog.current_setting('server_version_num')::int / 10000,
    'bytes', pg_catalog.pg_database_size(pg_catalog.current_database()),
    'data_bytes', (SELECT COALESCE(pg_catalog.sum(pg_catalog.pg_table_size(c.oid)), 0)::bigint
                   FROM pg_catalog.pg_class c
                   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
                  + pg_catalog.pg_table_size('pg_catalog.pg_largeobject'),
    'extensions', (SELECT pg_catalog.json_agg(e.extname ORDER BY e.extname) FROM pg_catalog.pg_extension e)
);
