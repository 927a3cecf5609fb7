-- Where a fault can be planted without breaking a rule that no one may break: tables that are no partitions, the
-- smallest that have more than a handful of rows first, each with a text that nothing else depends on (if there is
-- one), whether its key is its only unique thing, and the columns that may be written.
SELECT n.nspname AS schema, c.relname AS name,
       (SELECT a.attname::text FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
           AND coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''
           AND NOT EXISTS (SELECT FROM pg_index i
                            WHERE i.indrelid = c.oid AND i.indisunique
                              AND (a.attnum = ANY (i.indkey::int2[]) OR i.indexprs IS NOT NULL))
           AND NOT EXISTS (SELECT FROM pg_constraint k
                            WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f', 'x') AND a.attnum = ANY (k.conkey))
         ORDER BY a.attnum LIMIT 1) AS plain_text,
       (SELECT count(*) = 1 FROM pg_index i WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion))
         AS is_only_key,
       array(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND coalesce(to_jsonb(a) ->> 'attgenerated', '') = '' ORDER BY a.attnum) AS columns
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND NOT c.relispartition AND c.relpersistence = 'p'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%'
   AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid OR h.inhrelid = c.oid)
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY pg_relation_size(c.oid) < 8192, pg_relation_size(c.oid), 1, 2;
