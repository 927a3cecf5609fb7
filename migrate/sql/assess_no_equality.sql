-- Columns of tables without a key whose type has no equality: a change to such a row cannot be found again
-- on the other side. A type has equality by a default operator class of btree or hash, its own or that of a
-- type it reads as; arrays, domains, ranges and composite types have it when all their parts do.
WITH RECURSIVE columns AS (
    SELECT n.nspname AS schema_name, c.relname AS table, a.attname AS column, a.atttypid AS whole, a.atttypid AS part
      FROM pg_attribute a
      JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relpersistence = 'p'
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE a.attnum > 0 AND NOT a.attisdropped
       AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%'
       AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
                          AND (i.indisprimary OR (c.relreplident = 'i' AND i.indisreplident)))
), parts AS (
    SELECT * FROM columns
    UNION
    SELECT p.schema_name, p.table, p.column, p.whole, inner_type.oid
      FROM parts p
      JOIN pg_type t ON t.oid = p.part
      CROSS JOIN LATERAL (
          SELECT t.typbasetype AS oid WHERE t.typtype = 'd'
          UNION ALL SELECT t.typelem WHERE t.typelem <> 0 AND t.typlen = -1
          UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
          UNION ALL SELECT f.atttypid FROM pg_attribute f
                     WHERE t.typtype = 'c' AND f.attrelid = t.typrelid AND f.attnum > 0 AND NOT f.attisdropped
      ) AS inner_type
)
SELECT p.schema_name, p.table, p.column, format_type(p.whole, NULL) AS type
  FROM parts p
  JOIN pg_type t ON t.oid = p.part
 WHERE t.typtype = 'b' AND NOT (t.typelem <> 0 AND t.typlen = -1)
   AND NOT EXISTS (
       SELECT FROM pg_opclass o
         JOIN pg_am m ON m.oid = o.opcmethod AND m.amname IN ('btree', 'hash')
        WHERE o.opcdefault AND (o.opcintype = t.oid
           OR o.opcintype IN (SELECT k.casttarget FROM pg_cast k
                               WHERE k.castsource = t.oid AND k.castmethod = 'b' AND k.castcontext = 'i')))
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, 2, 3;
