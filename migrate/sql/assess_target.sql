-- What the site's server offers to a move; one row.
SELECT current_setting('server_version_num')::int AS version_number,
       pg_encoding_to_char(d.encoding) AS encoding,
       d.datcollate AS collation,
       d.datctype AS character_type,
       (SELECT pg_collation_actual_version(k.oid) FROM pg_collation k
         WHERE k.collprovider = 'c' AND k.collcollate = d.datcollate AND k.collencoding IN (-1, d.encoding)
           AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' LIMIT 1) AS collation_version,
       current_setting('wal_level') AS wal_level,
       current_setting('max_replication_slots')::int
           - (SELECT count(*) FROM pg_replication_slots WHERE slot_name NOT LIKE 'bascule\_%') AS free_slots,
       current_setting('max_wal_senders')::int
           - (SELECT count(*) FROM pg_stat_replication WHERE application_name NOT LIKE 'bascule\_%') AS free_senders,
       current_setting('max_logical_replication_workers')::int AS max_logical_replication_workers
  FROM pg_database d
 WHERE d.datname = current_database();
