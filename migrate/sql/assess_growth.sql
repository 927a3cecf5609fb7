-- How much has come to the tables since their statistics began: rows inserted less rows deleted, in bytes of
-- an average row. One row; days is null where the server does not know since when it counts.
SELECT extract(epoch FROM clock_timestamp() - d.stats_reset)::float8 / 86400 AS days,
       coalesce(sum((t.n_tup_ins - t.n_tup_del) * (pg_total_relation_size(c.oid) / greatest(c.reltuples, 1))), 0)::float8
           AS bytes
  FROM pg_stat_database d
  LEFT JOIN pg_stat_user_tables t ON t.schemaname <> 'bascule'
  LEFT JOIN pg_class c ON c.oid = t.relid
 WHERE d.datname = current_database()
 GROUP BY d.stats_reset;
