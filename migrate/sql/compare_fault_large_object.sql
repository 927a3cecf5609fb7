-- The smallest large object, as statements that make it again: content, owner, rights, comment.
WITH one AS (
  SELECT m.oid, m.lomowner, m.lomacl
    FROM pg_largeobject_metadata m
   CROSS JOIN LATERAL (SELECT count(*) AS pages FROM pg_largeobject p WHERE p.loid = m.oid) s
   WHERE s.pages < 4096
   ORDER BY s.pages = 0, s.pages, m.oid
   LIMIT 1
)
SELECT 1 AS turn, one.oid::text AS id, format('SELECT pg_catalog.lo_from_bytea(%s, %L)', one.oid, lo_get(one.oid)) AS statement
  FROM one
UNION ALL
SELECT 2, one.oid::text, format('ALTER LARGE OBJECT %s OWNER TO %I', one.oid, pg_get_userbyid(one.lomowner)) FROM one
UNION ALL
SELECT 3, one.oid::text,
       format('GRANT %s ON LARGE OBJECT %s TO %s', e.privilege_type, one.oid,
              CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END)
  FROM one CROSS JOIN LATERAL aclexplode(one.lomacl) e
UNION ALL
SELECT 4, one.oid::text, format('COMMENT ON LARGE OBJECT %s IS %L', one.oid, d.description)
  FROM one JOIN pg_description d ON d.classoid = 'pg_largeobject'::regclass AND d.objoid = one.oid
 ORDER BY 1;
