-- Transactions that are open on this server, others than this session's: the oldest first.
SELECT t.trx_mysql_thread_id AS id,
       COALESCE(p.USER, '') AS user,
       COALESCE(p.HOST, '') AS host,
       TIMESTAMPDIFF(MICROSECOND, t.trx_started, NOW(6)) / 1000000 AS seconds,
       t.trx_rows_modified > 0 AS has_written
  FROM information_schema.INNODB_TRX AS t
  LEFT JOIN information_schema.PROCESSLIST AS p ON p.ID = t.trx_mysql_thread_id
 WHERE t.trx_mysql_thread_id <> CONNECTION_ID()
   AND COALESCE(p.USER, '') <> 'system user'
 ORDER BY t.trx_started;
