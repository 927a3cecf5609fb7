-- The definitions of tables, columns, constraints, indexes, views and functions, a line each, in one order:
-- whoever reads them makes the digest.
WITH mine AS (
    SELECT oid, nspname FROM pg_namespace
     WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND nspname NOT LIKE 'pg\_%'
), definitions AS (
    SELECT concat_ws('|', 'column', m.nspname, c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod),
                     a.attnotnull, a.attidentity, coalesce(to_jsonb(a) ->> 'attgenerated', ''),
                     pg_get_expr(d.adbin, d.adrelid)) AS line
      FROM pg_attribute a
      JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f')
      JOIN mine m ON m.oid = c.relnamespace
      LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
     WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT concat_ws('|', 'constraint', m.nspname, k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
      FROM pg_constraint k JOIN mine m ON m.oid = k.connamespace
    UNION ALL
    SELECT concat_ws('|', 'index', pg_get_indexdef(c.oid))
      FROM pg_class c JOIN mine m ON m.oid = c.relnamespace WHERE c.relkind IN ('i', 'I')
    UNION ALL
    SELECT concat_ws('|', 'view', m.nspname, c.relname, pg_get_viewdef(c.oid))
      FROM pg_class c JOIN mine m ON m.oid = c.relnamespace WHERE c.relkind IN ('v', 'm')
    UNION ALL
    SELECT concat_ws('|', 'function', m.nspname, p.proname, pg_get_function_identity_arguments(p.oid), p.prosrc)
      FROM pg_proc p JOIN mine m ON m.oid = p.pronamespace
)
SELECT line FROM definitions ORDER BY line COLLATE "C";
