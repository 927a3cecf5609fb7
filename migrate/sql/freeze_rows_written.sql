-- Rows ever inserted, updated or deleted in permanent tables, since the server began to count. It stands
-- still in a frozen database; whoever goes round the freeze moves it.
SELECT COALESCE(pg_catalog.sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::bigint AS rows_written
FROM pg_catalog.pg_stat_user_tables s
JOIN pg_catalog.pg_class c ON c.oid = s.relid
WHERE c.relpersistence <> 't';
