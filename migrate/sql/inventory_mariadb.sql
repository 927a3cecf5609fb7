-- Every database of a MariaDB server: name, who may make tables in it, bytes, last write since the server began.
SELECT s.SCHEMA_NAME AS name,
       (SELECT GROUP_CONCAT(DISTINCT REPLACE(p.GRANTEE, '''', '') ORDER BY p.GRANTEE SEPARATOR ', ')
          FROM information_schema.SCHEMA_PRIVILEGES p
         WHERE p.TABLE_SCHEMA IN (s.SCHEMA_NAME, REPLACE(s.SCHEMA_NAME, '_', '\\_'))
           AND p.PRIVILEGE_TYPE = 'CREATE') AS owner,
       (SELECT COALESCE(SUM(t.DATA_LENGTH + t.INDEX_LENGTH), 0)
          FROM information_schema.TABLES t WHERE t.TABLE_SCHEMA = s.SCHEMA_NAME) AS bytes,
       (SELECT MAX(t.UPDATE_TIME)
          FROM information_schema.TABLES t WHERE t.TABLE_SCHEMA = s.SCHEMA_NAME) AS written
  FROM information_schema.SCHEMATA s
 WHERE s.SCHEMA_NAME NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
   -- What a move keeps for itself there, until it ends, is none of the tenant's.
   AND NOT (s.SCHEMA_NAME = 'bascule'
            AND EXISTS (SELECT * FROM information_schema.TABLES m
                         WHERE m.TABLE_SCHEMA = s.SCHEMA_NAME AND m.TABLE_NAME = 'kept'))
 ORDER BY s.SCHEMA_NAME
