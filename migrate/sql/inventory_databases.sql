-- Every database of the server that somebody made: name, owner, bytes (NULL where the login may not ask).
SELECT d.datname,
       pg_catalog.pg_get_userbyid(d.datdba),
       CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT')
              OR pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'MEMBER')
            THEN pg_catalog.pg_database_size(d.oid) END
  FROM pg_catalog.pg_database d
 WHERE NOT d.datistemplate
   AND NOT (d.datname = 'postgres' AND d.oid < 16384)
 ORDER BY d.datname COLLATE "C";
