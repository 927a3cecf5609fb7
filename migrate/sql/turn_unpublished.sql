-- Tables whose rows no stream carries, so that they are copied anew once the source is fenced: unlogged ones,
-- those without a key and with a type that has no equality, and rows of the customer's in an extension's table.
-- bascule.stem is what the names of the streams' publications begin with.
SELECT n.nspname::pg_catalog.text AS schema_name,
       c.relname::pg_catalog.text AS name,
       array(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') = ''
              ORDER BY a.attnum) AS columns,
       coalesce(e.condition, '') AS condition,
       EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.confrelid = c.oid) AS is_referenced
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT true AS is_owned, x.extcondition[pg_catalog.array_position(x.extconfig, c.oid)] AS condition
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
      AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
) AS e ON true
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname !~ '^pg_toast'
  AND pg_catalog.obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM 'bascule: only on this site'
  -- An extension brings its own rows along; a condition tells which are the customer's.
  AND (e.is_owned IS NULL OR e.condition IS NOT NULL)
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
      WHERE r.prrelid = c.oid
        AND pg_catalog.left(p.pubname::pg_catalog.text, pg_catalog.length(pg_catalog.current_setting('bascule.stem', true)))
            = pg_catalog.current_setting('bascule.stem', true))
ORDER BY 1, 2;
