-- Sessions of clients on this server, others than this one: with the transaction that each has open.
SELECT p.ID AS id,
       p.USER AS user,
       SUBSTRING_INDEX(p.HOST, ':', 1) AS client,
       TIMESTAMPDIFF(MICROSECOND, t.trx_started, NOW(6)) / 1000000 AS transaction_seconds,
       t.trx_id AS transaction_id,
       COALESCE(t.trx_rows_modified, 0) > 0 AS has_written,
       p.USER = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AS is_own
  FROM information_schema.PROCESSLIST AS p
  LEFT JOIN information_schema.INNODB_TRX AS t ON t.trx_mysql_thread_id = p.ID
 WHERE p.ID <> CONNECTION_ID()
   AND p.USER NOT IN ('system user', 'event_scheduler')
   AND p.COMMAND NOT IN ('Binlog Dump', 'Daemon', 'Killed')
 ORDER BY p.ID;
