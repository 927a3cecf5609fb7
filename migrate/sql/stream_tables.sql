-- The tables that publication bascule.stream carries; the stream's own marker is not among them.
SELECT n.nspname::pg_catalog.text AS schema_name, c.relname::pg_catalog.text AS name
FROM pg_catalog.pg_publication p
JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE p.pubname = pg_catalog.current_setting('bascule.stream', true) AND n.nspname <> 'bascule'
ORDER BY 1, 2;
