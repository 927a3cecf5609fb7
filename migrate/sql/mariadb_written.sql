-- What this server has written since it began to count: rows of all tables, and bytes of redo log.
SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS UNSIGNED) AS at_milliseconds,
       CAST(SUM(IF(VARIABLE_NAME IN ('HANDLER_WRITE', 'HANDLER_UPDATE', 'HANDLER_DELETE'), VARIABLE_VALUE, 0))
            AS UNSIGNED) AS rows_written,
       CAST(SUM(IF(VARIABLE_NAME = 'INNODB_OS_LOG_WRITTEN', VARIABLE_VALUE, 0)) AS UNSIGNED) AS wal_bytes
  FROM information_schema.GLOBAL_STATUS
 WHERE VARIABLE_NAME IN ('HANDLER_WRITE', 'HANDLER_UPDATE', 'HANDLER_DELETE', 'INNODB_OS_LOG_WRITTEN');
