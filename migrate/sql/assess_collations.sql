-- Collations that columns name themselves, with the version that was recorded and the one that is at work now.
SELECT format('%I.%I', n.nspname, k.collname) AS name,
       count(*) AS columns,
       k.collversion AS version,
       pg_collation_actual_version(k.oid) AS version_now
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'm', 'i')
  JOIN pg_namespace s ON s.oid = c.relnamespace
  JOIN pg_collation k ON k.oid = a.attcollation
  JOIN pg_namespace n ON n.oid = k.collnamespace
 WHERE a.attnum > 0 AND NOT a.attisdropped
   AND k.collname NOT IN ('default', 'C', 'POSIX', 'ucs_basic')
   AND s.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND s.nspname NOT LIKE 'pg\_%'
 GROUP BY k.oid, n.nspname, k.collname, k.collversion
 ORDER BY 1;
