-- What this server has that a flow to or from it depends on.
SELECT @@server_id AS server_id,
       @@gtid_domain_id AS domain_id,
       @@log_bin AS has_log,
       @@binlog_format AS log_format,
       @@binlog_row_image AS row_image,
       @@gtid_strict_mode AS is_strict,
       @@local_infile AS takes_files,
       COALESCE(@@secure_file_priv, '') AS files_only_in,
       @@have_ssl AS has_tls,
       @@version AS version,
       @@lower_case_table_names AS case_mode,
       CURRENT_USER() AS account,
       (SELECT COUNT(*)
          FROM information_schema.USER_PRIVILEGES
         WHERE GRANTEE = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')
           AND PRIVILEGE_TYPE IN ('SUPER', 'FILE', 'CREATE USER', 'REPLICATION SLAVE', 'REPLICATION SLAVE ADMIN',
                                  'BINLOG ADMIN', 'PROCESS', 'READ_ONLY ADMIN', 'BINLOG MONITOR')
           AND IS_GRANTABLE = 'YES') AS rights;
