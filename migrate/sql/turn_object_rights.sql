-- Who owns most large objects here, and what others may do with these: the owner of all and each grant of one.
WITH usual AS (
    SELECT l.lomowner, l.lomacl, pg_catalog.count(*) AS objects
    FROM pg_catalog.pg_largeobject_metadata l
    GROUP BY 1, 2
    ORDER BY 3 DESC LIMIT 1
)
SELECT pg_catalog.pg_get_userbyid(u.lomowner)::pg_catalog.text AS owner,
       CASE WHEN g.grantee <> 0 THEN pg_catalog.pg_get_userbyid(g.grantee)::pg_catalog.text END AS grantee,
       g.privilege_type AS privilege
FROM usual u
LEFT JOIN LATERAL pg_catalog.aclexplode(u.lomacl) g ON g.grantee <> u.lomowner;
