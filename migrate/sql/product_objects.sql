-- What a product's schemas hold that a customer may have changed, each with its definition as text.
-- bascule.schemas: the schemas, separated by commas. Objects of extensions are not the product's.
-- bascule.roles: roles that every installation has for its users, separated by commas; what they may is no grant of the
-- customer's, nor is what the owner may, nor whoever asks. A grant is what differs from the server's own defaults.
WITH chosen AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname = ANY (pg_catalog.string_to_array(pg_catalog.current_setting('bascule.schemas'), ','))
), foreign_ones AS (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), owned AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS what,
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, '' AS part, c.oid, c.relowner AS owner, c.relacl AS acl,
           pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner) AS usual
    FROM pg_catalog.pg_class c
    JOIN chosen n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND NOT EXISTS (SELECT FROM foreign_ones f WHERE f.classid = 'pg_catalog.pg_class'::regclass AND f.objid = c.oid)
    UNION ALL
    SELECT 'TABLE', pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.format(' (%I)', a.attname), c.oid, c.relowner,
           a.attacl, pg_catalog.acldefault('c', c.relowner)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN chosen n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.oid::regprocedure::text, '', p.oid, p.proowner,
           p.proacl, pg_catalog.acldefault('f', p.proowner)
    FROM pg_catalog.pg_proc p
    JOIN chosen n ON n.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p')
      AND NOT EXISTS (SELECT FROM foreign_ones f WHERE f.classid = 'pg_catalog.pg_proc'::regclass AND f.objid = p.oid)
    UNION ALL
    SELECT 'SCHEMA', pg_catalog.quote_ident(n.nspname), '', n.oid, s.nspowner, s.nspacl, pg_catalog.acldefault('n', s.nspowner)
    FROM chosen n JOIN pg_catalog.pg_namespace s ON s.oid = n.oid
), rights AS (
    SELECT o.*, g.grantee, pg_catalog.format('GRANT %s%s', g.privilege_type, o.part) AS verb, ' TO ' AS toward,
           CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS more
    FROM owned o, pg_catalog.aclexplode(o.acl) g
    WHERE NOT EXISTS (SELECT FROM pg_catalog.aclexplode(o.usual) u
                      WHERE (u.grantee, u.privilege_type, u.is_grantable) = (g.grantee, g.privilege_type, g.is_grantable))
    UNION ALL
    SELECT o.*, u.grantee, pg_catalog.format('REVOKE %s', u.privilege_type), ' FROM ', ''
    FROM owned o, pg_catalog.aclexplode(o.usual) u
    WHERE o.acl IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(o.acl) g
                      WHERE (g.grantee, g.privilege_type) = (u.grantee, u.privilege_type))
), granted AS (
    SELECT r.*, CASE r.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r.grantee)) END AS who
    FROM rights r
    WHERE r.grantee <> r.owner
      AND (r.grantee = 0 OR pg_catalog.pg_get_userbyid(r.grantee) <> ALL (
               ARRAY[session_user, current_user]
               || pg_catalog.string_to_array(pg_catalog.current_setting('bascule.roles'), ',')::name[]))
)
SELECT 'table' AS kind, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, c.oid::bigint AS made,
       pg_catalog.string_agg(
           pg_catalog.format('%I %s%s%s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
                             CASE WHEN a.attnotnull THEN ' NOT NULL' END,
                             ' DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)),
           E'\n' ORDER BY a.attname) || E'\n' AS definition
FROM pg_catalog.pg_class c
JOIN chosen n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM foreign_ones f WHERE f.classid = 'pg_catalog.pg_class'::regclass AND f.objid = c.oid)
GROUP BY n.nspname, c.relname, c.oid
UNION ALL
SELECT 'view', pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid::bigint,
       pg_catalog.format(E'CREATE OR REPLACE VIEW %I.%I AS\n%s\n', n.nspname, c.relname,
                         pg_catalog.pg_get_viewdef(c.oid, true))
FROM pg_catalog.pg_class c
JOIN chosen n ON n.oid = c.relnamespace
WHERE c.relkind = 'v'
  AND NOT EXISTS (SELECT FROM foreign_ones f WHERE f.classid = 'pg_catalog.pg_class'::regclass AND f.objid = c.oid)
UNION ALL
SELECT 'function', p.oid::regprocedure::text, p.oid::bigint, pg_catalog.pg_get_functiondef(p.oid)
FROM pg_catalog.pg_proc p
JOIN chosen n ON n.oid = p.pronamespace
WHERE p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT FROM foreign_ones f WHERE f.classid = 'pg_catalog.pg_proc'::regclass AND f.objid = p.oid)
UNION ALL
SELECT 'trigger', pg_catalog.format('%I ON %I.%I', t.tgname, n.nspname, c.relname), t.oid::bigint,
       pg_catalog.pg_get_triggerdef(t.oid, false) || E';\n'
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN chosen n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal
UNION ALL
SELECT 'index', pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid::bigint, pg_catalog.pg_get_indexdef(c.oid) || E';\n'
FROM pg_catalog.pg_class c
JOIN chosen n ON n.oid = c.relnamespace
WHERE c.relkind IN ('i', 'I') AND NOT c.relispartition
  -- An index that a constraint made comes and goes with it.
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
  AND NOT EXISTS (SELECT FROM foreign_ones f WHERE f.classid = 'pg_catalog.pg_class'::regclass AND f.objid = c.oid)
UNION ALL
SELECT 'grant', pg_catalog.format('%s ON %s %s', g.who, g.what, g.name), g.oid::bigint,
       pg_catalog.string_agg(pg_catalog.format('%s ON %s %s%s%s%s;', g.verb, g.what, g.name, g.toward, g.who, g.more),
                             E'\n' ORDER BY g.verb COLLATE "C", g.more) || E'\n'
FROM granted g
GROUP BY g.who, g.what, g.name, g.oid
ORDER BY 3
