-- Everything of the database that stands by itself, the largest first, with what decides how it is moved.
-- Indexes, TOAST and temporary relations belong to others or to nobody; schema bascule is Bascule's own.
WITH RECURSIVE mine AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident, c.relispartition
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'm', 'f', 'S', 'v', 'c')
     AND c.relpersistence <> 't'
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule')
     AND n.nspname NOT LIKE 'pg\_toast%'
), parts (root, type, is_nested) AS (
  -- What a column's binary form is made of: an array and a row carry the numbers of the types inside them.
  SELECT DISTINCT a.atttypid, a.atttypid, false
    FROM mine m JOIN pg_attribute a ON a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT p.root, inside.type, p.is_nested OR inside.is_nested
    FROM parts p
    JOIN pg_type t ON t.oid = p.type
   CROSS JOIN LATERAL (
      SELECT t.typbasetype, false WHERE t.typtype = 'd'
      UNION ALL SELECT t.typelem, true WHERE t.typcategory = 'A' AND t.typelem <> 0
      UNION ALL SELECT a.atttypid, true FROM pg_attribute a
                 WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL SELECT r.rngsubtype, false FROM pg_range r WHERE r.rngtypid = t.oid
   ) AS inside (type, is_nested)
), types AS (
  SELECT p.root,
         bool_and(t.typsend <> 0
                  -- These send the number of an object, which is another one on the other side.
                  AND NOT (s.nspname = 'pg_catalog' AND t.typname LIKE 'reg%')
                  AND (NOT p.is_nested OR s.nspname = 'pg_catalog')
                  AND (t.typtype IN ('b', 'e', 'd', 'c', 'r') OR s.nspname = 'pg_catalog')) AS is_binary,
         -- Binary forms that no server version has ever changed.
         bool_and(t.typtype IN ('e', 'd') OR t.typcategory = 'A' OR (s.nspname = 'pg_catalog' AND t.typname IN
           ('bool', 'bytea', 'char', 'name', 'int8', 'int2', 'int4', 'text', 'oid', 'json', 'jsonb', 'float4',
            'float8', 'inet', 'cidr', 'macaddr', 'bpchar', 'varchar', 'date', 'time', 'timestamp', 'timestamptz',
            'interval', 'timetz', 'bit', 'varbit', 'numeric', 'uuid'))) AS is_portable
    FROM parts p
    JOIN pg_type t ON t.oid = p.type
    JOIN pg_namespace s ON s.oid = t.typnamespace
   GROUP BY p.root
)
SELECT m.oid::bigint AS oid,
       m.nspname::text AS schema_name,
       m.relname::text AS name,
       m.relkind::text AS kind,
       m.relpersistence = 'u' AS is_unlogged,
       m.relispartition AS is_partition,
       m.relreplident::text AS identity,
       -- What changed rows can be found by: a unique index over columns without NULL, checked at once.
       EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = m.oid AND i.indisvalid AND i.indimmediate
                  AND CASE m.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END) AS has_key,
       e.extname::text AS extension,
       -- Rows of an extension's table that are the customer's: all of them, or those that this holds for.
       e.condition,
       array(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''
              ORDER BY a.attnum) AS columns,
       coalesce((SELECT bool_and(t.is_binary) FROM pg_attribute a JOIN types t ON t.root = a.atttypid
                  WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped), true) AS is_binary,
       coalesce((SELECT bool_and(t.is_portable) FROM pg_attribute a JOIN types t ON t.root = a.atttypid
                  WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped), true) AS is_portable,
       -- Triggers that fire for replicated rows too, so that what they do would be done twice.
       array(SELECT g.tgname::text FROM pg_trigger g
              WHERE g.tgrelid = m.oid AND NOT g.tgisinternal AND g.tgenabled IN ('A', 'R') ORDER BY 1) AS always,
       CASE WHEN m.relkind IN ('r', 'm') THEN pg_table_size(m.oid) ELSE 0 END AS bytes
  FROM mine m
  LEFT JOIN LATERAL (
      SELECT x.extname, x.extcondition[array_position(x.extconfig, m.oid)] AS condition
        FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
       WHERE d.classid = 'pg_class'::regclass AND d.objid = m.oid AND d.deptype = 'e'
         AND d.refclassid = 'pg_extension'::regclass
  ) AS e ON true
 ORDER BY bytes DESC, 2, 3;
