-- Every large object with the digest of its content; ids are kept by the move, so they are compared too.
SELECT m.oid::text AS id, md5(lo_get(m.oid)) AS digest
  FROM pg_largeobject_metadata m
 ORDER BY m.oid;
