-- Every column of every table of this database, in the tables' order; a JSON column is one whose check says so.
SELECT c.TABLE_NAME AS table_name,
       c.COLUMN_NAME AS name,
       c.DATA_TYPE AS data_type,
       c.COLUMN_TYPE AS column_type,
       c.IS_NULLABLE = 'YES' AS is_nullable,
       c.COLUMN_DEFAULT AS default_text,
       COALESCE(c.NUMERIC_PRECISION, 0) AS numeric_precision,
       COALESCE(c.NUMERIC_SCALE, 0) AS numeric_scale,
       COALESCE(c.CHARACTER_MAXIMUM_LENGTH, 0) AS max_length,
       COALESCE(c.DATETIME_PRECISION, 0) AS datetime_precision,
       c.EXTRA AS extra,
       c.IS_GENERATED = 'ALWAYS' AS is_generated,
       COALESCE(pk.SEQ_IN_INDEX, 0) AS key_position,
       EXISTS (SELECT *
                 FROM information_schema.CHECK_CONSTRAINTS AS k
                WHERE k.CONSTRAINT_SCHEMA = c.TABLE_SCHEMA
                  AND k.TABLE_NAME = c.TABLE_NAME
                  AND k.LEVEL = 'Column'
                  AND k.CONSTRAINT_NAME = c.COLUMN_NAME
                  AND k.CHECK_CLAUSE = CONCAT('json_valid(`', c.COLUMN_NAME, '`)')) AS is_json
  FROM information_schema.COLUMNS AS c
  JOIN information_schema.TABLES AS t
    ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
   AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
  LEFT JOIN information_schema.STATISTICS AS pk
    ON pk.TABLE_SCHEMA = c.TABLE_SCHEMA AND pk.TABLE_NAME = c.TABLE_NAME
   AND pk.COLUMN_NAME = c.COLUMN_NAME AND pk.INDEX_NAME = 'PRIMARY'
 WHERE c.TABLE_SCHEMA = DATABASE()
 ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION;
