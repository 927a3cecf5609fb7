-- Every check of this database, those that make a column a JSON column excepted.
SELECT TABLE_NAME AS table_name, CONSTRAINT_NAME AS name
  FROM information_schema.CHECK_CONSTRAINTS
 WHERE CONSTRAINT_SCHEMA = DATABASE()
   AND NOT (LEVEL = 'Column' AND CHECK_CLAUSE = CONCAT('json_valid(`', CONSTRAINT_NAME, '`)'))
 ORDER BY TABLE_NAME, CONSTRAINT_NAME;
