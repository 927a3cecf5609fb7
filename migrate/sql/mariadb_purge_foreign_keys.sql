-- Every foreign key that refers to a table of this database, a row a column, in order; also from other databases.
SELECT k.TABLE_SCHEMA AS from_schema,
       k.TABLE_NAME AS from_table,
       k.CONSTRAINT_NAME AS name,
       k.COLUMN_NAME AS column_name,
       k.REFERENCED_TABLE_NAME AS to_table,
       k.REFERENCED_COLUMN_NAME AS to_column
  FROM information_schema.KEY_COLUMN_USAGE AS k
 WHERE k.REFERENCED_TABLE_SCHEMA = DATABASE()
 ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION;
