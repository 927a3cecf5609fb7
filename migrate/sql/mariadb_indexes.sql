-- Every index of this database, a row a column, in order; a prefix has its length.
SELECT TABLE_NAME AS table_name,
       INDEX_NAME AS name,
       NON_UNIQUE = 0 AS is_unique,
       COLUMN_NAME AS column_name,
       SUB_PART AS prefix,
       INDEX_TYPE AS kind
  FROM information_schema.STATISTICS
 WHERE TABLE_SCHEMA = DATABASE()
 ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX;
