-- Statements that let the application's role, named in bascule.application, read and write rows, and no more.
WITH app AS (SELECT pg_catalog.current_setting('bascule.application') AS role),
schemas AS (
    SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
SELECT 1 AS turn, pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I', s.nspname, app.role) AS statement
FROM schemas s, app
WHERE pg_catalog.pg_has_role((SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.oid = s.oid), 'USAGE')
UNION ALL
SELECT 2, pg_catalog.format('GRANT %s ON %I.%I TO %I',
                            CASE c.relkind WHEN 'S' THEN 'USAGE, SELECT, UPDATE'
                                           ELSE 'SELECT, INSERT, UPDATE, DELETE' END,
                            s.nspname, c.relname, app.role)
FROM schemas s
JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S'), app
WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE')
UNION ALL
SELECT 3, pg_catalog.format('GRANT SELECT, UPDATE ON LARGE OBJECT %s TO %I', l.oid, app.role)
FROM pg_catalog.pg_largeobject_metadata l, app
WHERE pg_catalog.pg_has_role(l.lomowner, 'USAGE')
ORDER BY 1;
