-- Every large object with the digest of its content; ids are kept by the move, so they are compared too.
-- The setting bascule.objects, where there is one, names those that are wanted. Content is read in pieces, as
-- the server gives no more than 1 GiB at once; 262144 is INV_READ, 2 is SEEK_END.
SELECT m.oid::text AS id, d.digest
  FROM pg_catalog.pg_largeobject_metadata m
 CROSS JOIN LATERAL (SELECT pg_catalog.lo_lseek64(pg_catalog.lo_open(m.oid, 262144), 0, 2) AS bytes) s
 CROSS JOIN LATERAL
       (SELECT pg_catalog.md5(pg_catalog.string_agg(
                 pg_catalog.md5(pg_catalog.lo_get(m.oid, piece * 33554432, 33554432)), '' ORDER BY piece)) AS digest
          FROM pg_catalog.generate_series(0, s.bytes / 33554432) AS piece) d
 WHERE coalesce(m.oid = ANY (pg_catalog.string_to_array(
                               nullif(pg_catalog.current_setting('bascule.objects', true), ''), ',')::oid[]), true)
 ORDER BY m.oid;
