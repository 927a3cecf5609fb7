-- What changed rows of each table are found by: kind, name, value, as turn_catalogue.sql tells the rest. Anybody may ask.
WITH spaces AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'bascule')
      AND pg_catalog.obj_description(oid, 'pg_namespace') IS DISTINCT FROM 'bascule: only on this site'
)
SELECT 'replica identity' AS kind, pg_catalog.format('%I.%I', s.nspname, c.relname) AS name,
       CASE c.relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
            ELSE 'USING INDEX ' || (SELECT pg_catalog.quote_ident(i.relname)
                                      FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
                                     WHERE x.indrelid = c.oid AND x.indisreplident) END AS value
FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p');
