-- Every index that takes room, the largest first.
SELECT n.nspname AS schema_name, t.relname AS table, c.relname AS name, pg_relation_size(c.oid) AS bytes
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
  JOIN pg_class t ON t.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%'
 ORDER BY 4 DESC, 1, 2, 3;
