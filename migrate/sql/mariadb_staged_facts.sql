-- What a database is before it is dumped: whether it takes writes, the server's version, and its size.
SELECT @@GLOBAL.read_only AS frozen,
       @@version AS version,
       COALESCE(SUM(t.DATA_LENGTH + t.INDEX_LENGTH), 0) AS bytes,
       COALESCE(SUM(t.DATA_LENGTH), 0) AS data_bytes
  FROM information_schema.TABLES AS t
 WHERE t.TABLE_SCHEMA = DATABASE();
