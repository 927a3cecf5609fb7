-- What a move of this database has to carry: its size with and without indexes, tables, large objects, version.
SELECT pg_catalog.pg_database_size(pg_catalog.current_database()) AS database_bytes,
       (SELECT COALESCE(pg_catalog.sum(pg_catalog.pg_table_size(c.oid)), 0)::bigint
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
       + pg_catalog.pg_table_size('pg_catalog.pg_largeobject') AS data_bytes,
       (SELECT pg_catalog.count(*)
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema') AS tables,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata) AS large_objects,
       pg_catalog.current_setting('server_version_num')::int / 10000 AS major;
