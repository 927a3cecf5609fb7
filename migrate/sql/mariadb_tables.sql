-- Everything of this database that holds rows, the largest first; sequences are no tables here.
SELECT t.TABLE_NAME AS name,
       t.TABLE_TYPE AS kind,
       COALESCE(t.ENGINE, '') AS engine,
       COALESCE(e.TRANSACTIONS, 'NO') = 'YES' AS is_transactional,
       COALESCE(t.TABLE_ROWS, 0) AS estimated_rows,
       COALESCE(t.DATA_LENGTH, 0) AS bytes,
       COALESCE(t.INDEX_LENGTH, 0) AS index_bytes,
       t.AUTO_INCREMENT AS next_number
  FROM information_schema.TABLES AS t
  LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE
 WHERE t.TABLE_SCHEMA = DATABASE()
   AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
 ORDER BY COALESCE(t.DATA_LENGTH, 0) + COALESCE(t.INDEX_LENGTH, 0) DESC, t.TABLE_NAME;
