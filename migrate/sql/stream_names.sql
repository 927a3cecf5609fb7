-- What this side still has of streams whose names begin as bascule.stem says: kind and name, each once.
WITH stem AS (SELECT pg_catalog.current_setting('bascule.stem', true) AS stem),
here AS (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
found AS (
    SELECT 'publication' AS kind, pubname AS name FROM pg_catalog.pg_publication
    UNION ALL
    SELECT 'slot', slot_name FROM pg_catalog.pg_replication_slots
     WHERE database = pg_catalog.current_database() AND NOT temporary
    UNION ALL
    SELECT 'subscription', subname FROM pg_catalog.pg_subscription, here WHERE subdbid = here.oid
    UNION ALL
    SELECT 'role', rolname FROM pg_catalog.pg_roles
    UNION ALL
    SELECT 'marker', c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'bascule' AND c.relkind = 'r'
)
SELECT f.kind, f.name::pg_catalog.text AS name
FROM found f, stem
WHERE pg_catalog.left(f.name::pg_catalog.text, pg_catalog.length(stem.stem)) = stem.stem
  AND pg_catalog.substr(f.name::pg_catalog.text, pg_catalog.length(stem.stem) + 1) OPERATOR(pg_catalog.~) '^[0-9]+$'
ORDER BY 1, 2;
