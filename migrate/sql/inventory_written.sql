-- When the files of a database's own tables and indexes were last written to, by database. Those of the
-- server's catalogues (numbers below 16384) are left out: its own upkeep writes to them.
SELECT d.datname, pg_catalog.max((pg_catalog.pg_stat_file(f.path, true)).modification)
  FROM pg_catalog.pg_database d
 CROSS JOIN LATERAL (
       SELECT 'base/' || d.oid || '/' || n AS path
         FROM pg_catalog.pg_ls_dir('base/' || d.oid, true, false) AS n
        WHERE n ~ '^[0-9]+([._]|$)'
          AND pg_catalog.substring(n, '^[0-9]+')::bigint >= 16384
       ) AS f
 GROUP BY d.datname;
