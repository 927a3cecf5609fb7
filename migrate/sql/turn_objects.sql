-- Large objects with a digest of their pages: those of bascule.objects (an array of ids), or all where it is empty.
-- lo_get would hold a whole one in memory, and ends at 1 GB.
SELECT m.oid::pg_catalog.int8 AS id,
       pg_catalog.md5(pg_catalog.string_agg(p.pageno || ':' || pg_catalog.md5(p.data), ',' ORDER BY p.pageno)) AS digest
FROM pg_catalog.pg_largeobject_metadata m
LEFT JOIN pg_catalog.pg_largeobject p ON p.loid = m.oid
WHERE coalesce(pg_catalog.current_setting('bascule.objects', true), '') = ''
   OR m.oid = ANY (nullif(pg_catalog.current_setting('bascule.objects', true), '')::pg_catalog.oid[])
GROUP BY m.oid;
