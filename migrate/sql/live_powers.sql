-- What the session's role may do of all that a live move needs, as far as the catalogue tells; one row. A server that
-- somebody else runs grants more, or less, than its catalogue says: `powers.lacking` tries the rest. bascule.of names,
-- with commas, the roles whose rights it is to have.
SELECT r.rolsuper AS is_superuser,
       -- The authority of a publisher is checked by a file that the subscriber's server reads.
       (SELECT r.rolsuper OR pg_catalog.count(*) = 2 FROM pg_catalog.pg_roles w
         WHERE w.rolname IN ('pg_write_server_files', 'pg_execute_server_program')
           AND pg_catalog.pg_has_role(r.oid, w.oid, 'USAGE')) AS writes_files,
       pg_catalog.has_column_privilege(r.oid, 'pg_catalog.pg_subscription', 'subconninfo', 'SELECT') AS reads_connections,
       coalesce((SELECT pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE') FROM pg_catalog.pg_proc p
                  WHERE p.proname = 'pg_stat_reset_subscription_stats'), false) AS resets_errors,
       pg_catalog.has_table_privilege(r.oid, 'pg_catalog.pg_largeobject', 'SELECT') AS reads_large_objects,
       pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CREATE') AS may_create,
       array(SELECT o.rolname::text FROM pg_catalog.pg_roles o
              WHERE o.rolname = ANY (pg_catalog.string_to_array(pg_catalog.current_setting('bascule.of', true), ','))
                AND NOT pg_catalog.pg_has_role(r.oid, o.oid, 'USAGE') ORDER BY 1) AS is_not_of,
       -- pg_signal_backend has its number in every version.
       r.rolsuper OR pg_catalog.pg_has_role(r.oid, 4200, 'USAGE') AS ends_sessions
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = current_user;
