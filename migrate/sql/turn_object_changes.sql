-- Every large object with the number of its pages, and whether one of them was written by a transaction that
-- had not ended when bascule.since was read (the number of the oldest one then), or by a later one.
SELECT m.oid::pg_catalog.int8 AS id,
       pg_catalog.count(p.loid) AS pages,
       coalesce(pg_catalog.bool_or(pg_catalog.age(p.xmin)
                                   <= pg_catalog.age(pg_catalog.current_setting('bascule.since', true)::pg_catalog.xid)),
                false) AS is_changed
FROM pg_catalog.pg_largeobject_metadata m
LEFT JOIN pg_catalog.pg_largeobject p ON p.loid = m.oid
GROUP BY m.oid;
