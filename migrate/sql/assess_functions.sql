-- The tenant's own functions, and what has the server call them while rows are loaded, indexes built or
-- changes applied: there the search path is empty.
WITH mine AS (
    SELECT oid, nspname FROM pg_namespace
     WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND nspname NOT LIKE 'pg\_%'
), callers AS (
    SELECT d.refobjid AS function,
           'constraint ' || k.conname || ' of '
               || CASE WHEN k.conrelid <> 0 THEN k.conrelid::regclass::text ELSE format_type(k.contypid, NULL) END AS caller
      FROM pg_depend d JOIN pg_constraint k ON k.oid = d.objid AND k.contype = 'c'
     WHERE d.classid = 'pg_constraint'::regclass AND d.refclassid = 'pg_proc'::regclass
    UNION
    SELECT d.refobjid, 'index ' || d.objid::regclass
      FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind IN ('i', 'I')
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_proc'::regclass
    UNION
    -- A generated column depends through its expression, or, from PostgreSQL 12 on, by itself.
    SELECT d.refobjid, 'generated column ' || a.attname || ' of ' || a.attrelid::regclass
      FROM pg_depend d
      JOIN pg_attrdef e ON (d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid)
      JOIN pg_attribute a ON (a.attrelid, a.attnum) = (e.adrelid, e.adnum)
     WHERE d.refclassid = 'pg_proc'::regclass AND coalesce(to_jsonb(a) ->> 'attgenerated', '') <> ''
    UNION
    SELECT t.tgfoid, 'trigger ' || t.tgname || ' of ' || t.tgrelid::regclass
      FROM pg_trigger t WHERE t.tgenabled IN ('A', 'R') AND NOT t.tgisinternal
)
SELECT m.nspname AS schema_name, p.proname AS name, p.prosrc AS source, l.lanname AS language,
       -- One that sets its path, or whose body was parsed when it was made (from PostgreSQL 14 on), is safe.
       coalesce(array_to_string(p.proconfig, E'\n') ~ '(^|\n)search_path=', false)
           OR to_jsonb(p) ->> 'prosqlbody' IS NOT NULL AS is_safe,
       array(SELECT c.caller FROM callers c WHERE c.function = p.oid ORDER BY 1) AS callers
  FROM pg_proc p
  JOIN mine m ON m.oid = p.pronamespace
  JOIN pg_language l ON l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
 WHERE NOT EXISTS (SELECT FROM pg_depend e
                    WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
 ORDER BY 1, 2, 3;
