-- What the server is and how it is set; one row.
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS version_number,
       current_setting('wal_level') AS wal_level,
       current_setting('max_connections')::int AS max_connections,
       current_setting('max_wal_senders')::int AS max_wal_senders,
       current_setting('max_replication_slots')::int AS max_replication_slots,
       current_setting('shared_buffers') AS shared_buffers,
       current_setting('TimeZone') AS time_zone,
       current_setting('data_directory', true) AS data_directory,
       pg_is_in_recovery() AS is_standby,
       pg_encoding_to_char(d.encoding) AS encoding,
       d.datcollate AS collation,
       d.datctype AS character_type,
       pg_database_size(d.oid) AS bytes,
       (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = d.datname AND a.pid <> pg_backend_pid()
                                                   AND a.backend_type = 'client backend') AS sessions,
       pg_has_role(current_user, d.datdba, 'USAGE') AS may_freeze
  FROM pg_database d
 WHERE d.datname = current_database();
