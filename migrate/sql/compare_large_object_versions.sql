-- Every large object with what tells whether it was touched: the places and makers of its pages. A page that is
-- written gets another place or maker, so equal versions mean equal content; the reverse does not hold.
SELECT m.oid::text AS id,
       coalesce(pg_catalog.md5(pg_catalog.string_agg(p.ctid::text || p.xmin::text, ' ' ORDER BY p.pageno)), '') AS version
  FROM pg_catalog.pg_largeobject_metadata m
  LEFT JOIN pg_catalog.pg_largeobject p ON p.loid = m.oid
 GROUP BY m.oid
 ORDER BY m.oid;
