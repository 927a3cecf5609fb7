-- What the server is and how it is set; one row. Settings that came later than PostgreSQL 10 are asked for
-- by name, columns that did by to_jsonb: both give null where there is none.
SELECT date_part('epoch', clock_timestamp()) AS clock_epoch,
       current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS version_number,
       current_setting('wal_level') AS wal_level,
       current_setting('max_connections')::int AS max_connections,
       current_setting('max_wal_senders')::int AS max_wal_senders,
       current_setting('max_replication_slots')::int AS max_replication_slots,
       current_setting('max_logical_replication_workers')::int AS max_logical_replication_workers,
       current_setting('max_worker_processes')::int AS max_worker_processes,
       current_setting('max_locks_per_transaction')::int
           * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) AS lock_slots,
       current_setting('shared_buffers') AS shared_buffers,
       current_setting('synchronous_standby_names') AS synchronous_standbys,
       current_setting('TimeZone') AS time_zone,
       (SELECT s.setting FROM pg_settings s WHERE s.name = 'data_directory') AS data_directory,
       -- In MB; -1 stands for no limit.
       (SELECT nullif(s.setting::bigint, -1) * 1024 * 1024 FROM pg_settings s
         WHERE s.name = 'max_slot_wal_keep_size') AS slot_wal_limit_bytes,
       array(SELECT s.name FROM pg_settings s WHERE s.pending_restart ORDER BY 1) AS pending_restart,
       -- What a new session would have, whatever this one pins: the setting of the database, or of the server.
       coalesce((SELECT split_part(given, '=', 2) FROM pg_db_role_setting r, unnest(r.setconfig) AS given
                  WHERE r.setdatabase = d.oid AND r.setrole = 0 AND given LIKE 'default_transaction_read_only=%'),
                (SELECT s.reset_val FROM pg_settings s WHERE s.name = 'default_transaction_read_only'))
           IN ('on', 'true', '1', 'yes') AS is_read_only_by_default,
       (SELECT count(*) FROM pg_replication_slots WHERE slot_name NOT LIKE 'bascule\_%') AS slots_used,
       (SELECT count(*) FROM pg_stat_replication WHERE application_name NOT LIKE 'bascule\_%') AS senders_used,
       (SELECT coalesce(a.last_failed_time > a.last_archived_time, a.last_failed_time IS NOT NULL)
          FROM pg_stat_archiver a) AND current_setting('archive_mode') <> 'off' AS archiving_fails,
       pg_is_in_recovery() AS is_standby,
       pg_encoding_to_char(d.encoding) AS encoding,
       d.datcollate AS collation,
       d.datctype AS character_type,
       to_jsonb(d) ->> 'datcollversion' AS collation_version,
       (SELECT pg_collation_actual_version(k.oid) FROM pg_collation k
         WHERE k.collprovider = 'c' AND k.collcollate = d.datcollate AND k.collencoding IN (-1, d.encoding)
           AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' LIMIT 1) AS collation_version_now,
       age(d.datfrozenxid) AS transaction_age,
       pg_database_size(d.oid) AS bytes,
       (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = d.datname AND a.pid <> pg_backend_pid()
                                                   AND a.backend_type = 'client backend') AS sessions,
       pg_has_role(current_user, d.datdba, 'USAGE') AS may_freeze,
       u.rolname AS user, u.rolsuper AS is_superuser, u.rolreplication AS may_replicate,
       u.rolsuper OR u.rolbypassrls AS bypasses_row_security,
       nullif(u.rolvaliduntil, 'infinity') AS user_expires_at
  FROM pg_database d, pg_roles u
 WHERE d.datname = current_database() AND u.rolname = current_user;
