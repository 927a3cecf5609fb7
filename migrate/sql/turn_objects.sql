-- Every large object with a digest of its pages. lo_get would hold a whole one in memory, and ends at 1 GB.
SELECT m.oid::pg_catalog.int8 AS id,
       pg_catalog.md5(pg_catalog.string_agg(p.pageno || ':' || pg_catalog.md5(p.data), ',' ORDER BY p.pageno)) AS digest
FROM pg_catalog.pg_largeobject_metadata m
LEFT JOIN pg_catalog.pg_largeobject p ON p.loid = m.oid
GROUP BY m.oid;
