-- What breaks the rule for rights on a site, one line each: kind, name, what is, what should be. The settings
-- bascule.owner and bascule.application name the two roles. The rule: the owner owns everything; the application
-- has what transfer_grants.sql gives it and no more; nobody else but PUBLIC has anything.
WITH names AS (
  SELECT o.oid AS owner, a.oid AS application, o.rolname AS owner_name
    FROM pg_catalog.pg_roles o, pg_catalog.pg_roles a
   WHERE o.rolname = pg_catalog.current_setting('bascule.owner')
     AND a.rolname = pg_catalog.current_setting('bascule.application')
), spaces AS (
  SELECT n.oid, n.nspname, n.nspowner, n.nspacl FROM pg_catalog.pg_namespace n
   WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%'
), own AS (
  SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid AS class, s.oid, 'schema' AS kind,
         pg_catalog.quote_ident(s.nspname) AS name, s.nspowner AS owner, s.nspacl AS acl, 'n'::"char" AS type
    FROM spaces s WHERE s.nspname <> 'public'
  UNION ALL
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid,
         CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                        ELSE 'table' END,
         pg_catalog.format('%I.%I', s.nspname, c.relname), c.relowner, c.relacl,
         (CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char"
    FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
  UNION ALL
  SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 'function',
         pg_catalog.format('%I.%I(%s)', s.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
         p.proowner, p.proacl, 'f'
    FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace
  UNION ALL
  SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 'type', pg_catalog.format('%I.%I', s.nspname, t.typname),
         t.typowner, t.typacl, 'T'
    FROM pg_catalog.pg_type t
    JOIN spaces s ON s.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
   WHERE t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')
  UNION ALL
  SELECT 'pg_catalog.pg_largeobject'::pg_catalog.regclass, m.oid, 'large object', m.oid::text, m.lomowner, m.lomacl, 'L'
    FROM pg_catalog.pg_largeobject_metadata m
), moved AS (
  SELECT o.* FROM own o
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
), granted AS (
  SELECT m.kind, m.name, m.type, e.grantee,
         pg_catalog.string_agg(e.privilege_type || CASE WHEN e.is_grantable THEN ' *' ELSE '' END, ', '
                               ORDER BY e.privilege_type) AS privileges
    FROM moved m, names
   CROSS JOIN LATERAL pg_catalog.aclexplode(m.acl) e
   WHERE e.grantee NOT IN (0, names.owner)
   GROUP BY 1, 2, 3, 4
), expected AS (
  SELECT m.kind, m.name, CASE m.type WHEN 'n' THEN 'USAGE' WHEN 's' THEN 'SELECT, UPDATE, USAGE'
                                     WHEN 'r' THEN 'DELETE, INSERT, SELECT, UPDATE' WHEN 'L' THEN 'SELECT, UPDATE'
                         END AS privileges
    FROM moved m
)
SELECT 'owner' AS kind, m.kind || ' ' || m.name AS name, pg_catalog.pg_get_userbyid(m.owner)::text AS present,
       names.owner_name::text AS expected
  FROM moved m, names
 WHERE m.owner <> names.owner
UNION ALL
SELECT 'grant', e.kind || ' ' || e.name || ' to ' || pg_catalog.current_setting('bascule.application'), g.privileges,
       e.privileges
  FROM expected e
 CROSS JOIN names
  LEFT JOIN granted g ON g.kind = e.kind AND g.name = e.name AND g.grantee = names.application
 WHERE g.privileges IS DISTINCT FROM e.privileges
UNION ALL
SELECT 'grant', g.kind || ' ' || g.name || ' to ' || pg_catalog.pg_get_userbyid(g.grantee), g.privileges, NULL
  FROM granted g, names
 WHERE g.grantee <> names.application
UNION ALL
SELECT 'grant', 'column ' || m.name || '.' || pg_catalog.quote_ident(a.attname), a.attacl::text, NULL
  FROM moved m
  JOIN pg_catalog.pg_attribute a ON a.attrelid = m.oid AND a.attacl IS NOT NULL
 WHERE m.class = 'pg_catalog.pg_class'::pg_catalog.regclass
 ORDER BY 1, 2;
