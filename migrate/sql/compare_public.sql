-- What everybody may do: the rights of PUBLIC on what the tenant has, where they are not those that a new object
-- of its kind has. Both sides are to have the same.
WITH spaces AS (
  SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
   WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%'
), own AS (
  SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid AS class, n.oid,
         'schema ' || pg_catalog.quote_ident(n.nspname) AS name, n.nspacl AS acl, n.nspowner AS owner, 'n'::"char" AS type
    FROM pg_catalog.pg_namespace n JOIN spaces s ON s.oid = n.oid AND s.nspname <> 'public'
  UNION ALL
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, pg_catalog.format('relation %I.%I', s.nspname, c.relname),
         c.relacl, c.relowner, (CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char"
    FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
  UNION ALL
  SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid,
         pg_catalog.format('function %I.%I(%s)', s.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
         p.proacl, p.proowner, 'f'
    FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace
), rights AS (
  SELECT o.name, o.class, o.oid,
         coalesce((SELECT pg_catalog.string_agg(e.privilege_type, ', ' ORDER BY e.privilege_type)
                     FROM pg_catalog.aclexplode(coalesce(o.acl, pg_catalog.acldefault(o.type, o.owner))) e
                    WHERE e.grantee = 0), 'nothing') AS has,
         coalesce((SELECT pg_catalog.string_agg(e.privilege_type, ', ' ORDER BY e.privilege_type)
                     FROM pg_catalog.aclexplode(pg_catalog.acldefault(o.type, o.owner)) e
                    WHERE e.grantee = 0), 'nothing') AS usual
    FROM own o
)
SELECT r.name || ' to PUBLIC' AS name, r.has
  FROM rights r
 WHERE r.has <> r.usual
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = r.class AND d.objid = r.oid AND d.deptype = 'e')
 ORDER BY 1;
