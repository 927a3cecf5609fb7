-- Who owns what is moved: tables and all that is like them, and large objects.
SELECT DISTINCT r.rolname::text
  FROM pg_roles r
 WHERE EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
                  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%')
    OR EXISTS (SELECT FROM pg_largeobject_metadata l WHERE l.lomowner = r.oid)
 ORDER BY 1;
