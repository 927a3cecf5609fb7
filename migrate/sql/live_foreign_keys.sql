-- Foreign keys with the tables that making one locks, in one order for all, so that no two wait for each other.
SELECT k.oid::bigint AS oid,
       array(SELECT DISTINCT format('%I.%I', n.nspname, c.relname)
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.oid IN (k.conrelid, k.confrelid) ORDER BY 1) AS tables
  FROM pg_constraint k
 WHERE k.contype = 'f';
