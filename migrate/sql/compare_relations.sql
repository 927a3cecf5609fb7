-- Everything that holds rows of its own: tables, leaves of partition trees, materialised views.
-- What an extension owns comes with the extension, but for tables that it leaves to its user; a foreign
-- table's rows live elsewhere. `key` is what tells rows apart, as replication sees them: the replica
-- identity, else the best unique index there is.
-- `is_watchable`: its changes can be published without making its updates fail.
WITH relations AS (
  SELECT c.oid, c.relname, c.relkind, c.relispopulated, c.relpersistence, c.relreplident, n.nspname,
         c.relpages, greatest(c.reltuples, 0)::bigint AS estimate, pg_catalog.pg_table_size(c.oid) AS bytes
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm', 'f')
     AND c.relpersistence <> 't'
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule')
     AND n.nspname NOT LIKE 'pg\_toast%'
     AND pg_catalog.obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM 'bascule: only on this site'
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                        AND d.deptype = 'e'
                        AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e
                                         CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(e.extconfig),
                                                                       pg_catalog.unnest(e.extcondition))
                                                            AS own (relation, condition)
                                         WHERE e.oid = d.refobjid AND own.relation = c.oid
                                           AND own.condition = ''))
), keys AS (
  SELECT DISTINCT ON (r.oid) r.oid, w.width, i.indkey, i.indclass
    FROM relations r
    JOIN pg_catalog.pg_index i ON i.indrelid = r.oid
   CROSS JOIN LATERAL -- PostgreSQL 10 knows no columns beside the key
         (SELECT coalesce((pg_catalog.to_jsonb(i) ->> 'indnkeyatts')::int, i.indnatts) AS width) w
   WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
     AND r.relkind = 'r'
     AND CASE r.relreplident WHEN 'i' THEN i.indisreplident WHEN 'f' THEN true ELSE i.indisprimary END
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                      WHERE a.attrelid = r.oid AND NOT a.attnotnull
                        AND a.attnum = ANY ((i.indkey::int2[])[0:w.width - 1]))
   ORDER BY r.oid, i.indisprimary DESC, w.width, i.indexrelid
), key_columns AS (
  SELECT k.oid, p.place, a.attname, pg_catalog.format_type(a.atttypid, -1) AS type, s.nspname AS operators,
         CASE WHEN a.attcollation = 0 THEN ''
              ELSE (SELECT pg_catalog.concat(l.collnamespace::pg_catalog.regnamespace, '.', l.collname, ' of ', d.datcollate)
                      FROM pg_catalog.pg_collation l WHERE l.oid = a.attcollation) END AS collation
    FROM keys k
   CROSS JOIN pg_catalog.generate_series(0, k.width - 1) AS p (place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.oid AND a.attnum = (k.indkey::int2[])[p.place]
    JOIN pg_catalog.pg_opclass c ON c.oid = (k.indclass::oid[])[p.place]
    JOIN pg_catalog.pg_amop m ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype
                             AND m.amoprighttype = c.opcintype AND m.amopstrategy = 3 -- equality
    JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr
    JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace
    JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
)
SELECT r.nspname AS schema,
       r.relname AS name,
       CASE r.relkind WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign' ELSE 'table' END AS kind,
       CASE r.relkind WHEN 'm' THEN r.relispopulated ELSE true END AS is_readable,
       r.relkind = 'r' AND r.relpersistence = 'p'
         AND (r.relreplident = 'f' OR (r.relreplident IN ('d', 'i') AND r.oid IN (SELECT oid FROM keys)))
         AS is_watchable,
       r.relpages AS blocks,
       r.estimate,
       r.bytes,
       l.columns,
       l.types,
       coalesce(k.key, '{}') AS key,
       coalesce(k.types, '{}') AS key_types,
       coalesce(k.operators, '{}') AS key_operators,
       coalesce(k.collations, '{}') AS key_collations,
       -- TRUNCATE stands in no stream of version 10, but gives a table another file; so does VACUUM FULL.
       CASE WHEN r.relkind = 'r' AND pg_catalog.current_setting('server_version_num')::int < 110000
            THEN pg_catalog.pg_relation_filenode(r.oid)::bigint ELSE 0 END AS file
  FROM relations r
 CROSS JOIN LATERAL
       (SELECT coalesce(pg_catalog.array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C"), '{}') AS columns,
               coalesce(pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, -1)
                                             ORDER BY a.attname::text COLLATE "C"), '{}') AS types
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped) l
  LEFT JOIN (SELECT c.oid, pg_catalog.array_agg(c.attname::text ORDER BY c.place) AS key,
                    pg_catalog.array_agg(c.type ORDER BY c.place) AS types,
                    pg_catalog.array_agg(c.operators::text ORDER BY c.place) AS operators,
                    pg_catalog.array_agg(c.collation ORDER BY c.place) AS collations
               FROM key_columns c
              GROUP BY c.oid) k ON k.oid = r.oid
 ORDER BY r.bytes DESC, 1, 2;
