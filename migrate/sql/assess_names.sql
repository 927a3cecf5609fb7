-- Names of relations and of types that are no relation's, by which a function may call them.
SELECT c.relname AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%'
UNION
SELECT t.typname
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype IN ('e', 'd', 'r')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%'
 ORDER BY 1;
