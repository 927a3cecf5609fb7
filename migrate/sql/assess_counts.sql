-- How much there is of what is no table; objects of extensions are not the tenant's.
WITH mine AS (
    SELECT oid FROM pg_namespace
     WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND nspname NOT LIKE 'pg\_%'
), extended AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
)
SELECT (SELECT count(*) FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace IN (TABLE mine)
           AND ('pg_class'::regclass, c.oid) NOT IN (TABLE extended)) AS views,
       (SELECT count(*) FROM pg_class c WHERE c.relkind = 'm' AND c.relnamespace IN (TABLE mine)) AS materialized_views,
       (SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint FROM pg_class c
         WHERE c.relkind = 'm' AND c.relnamespace IN (TABLE mine)) AS materialized_view_bytes,
       (SELECT count(*) FROM pg_class c WHERE c.relkind = 'S' AND c.relnamespace IN (TABLE mine)) AS sequences,
       (SELECT count(*) FROM pg_class c WHERE c.relkind = 'i' AND c.relnamespace IN (TABLE mine)) AS indexes,
       (SELECT count(*) FROM pg_class c WHERE c.relispartition AND c.relkind IN ('r', 'f')
           AND c.relnamespace IN (TABLE mine)) AS partitions,
       (SELECT count(*) FROM pg_proc p WHERE p.pronamespace IN (TABLE mine)
           AND ('pg_proc'::regclass, p.oid) NOT IN (TABLE extended)) AS functions,
       (SELECT count(*) FROM pg_trigger t WHERE NOT t.tgisinternal) AS triggers,
       (SELECT count(*) FROM pg_constraint k WHERE k.contype = 'f') AS foreign_keys,
       (SELECT count(*) FROM pg_event_trigger) AS event_triggers,
       -- Generated columns came with PostgreSQL 12.
       (SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND a.attnum > 0
         WHERE coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '' AND c.relkind IN ('r', 'p', 'f')
           AND c.relnamespace IN (TABLE mine)) AS generated_columns,
       (SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE a.attidentity <> '' AND c.relkind IN ('r', 'p') AND c.relnamespace IN (TABLE mine)) AS identity_columns,
       (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects,
       pg_total_relation_size('pg_catalog.pg_largeobject') AS large_object_bytes;
