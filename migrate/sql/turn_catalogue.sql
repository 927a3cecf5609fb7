-- What a move may leave behind on a server, as it is now: kind, name, value. Bascule's own is not told here.
-- Grants that were never spoken of read as what they mean, so that granting and revoking leaves no difference.
WITH here AS (SELECT oid, datname, datacl, datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
spaces AS (
    SELECT oid, nspname, nspacl, nspowner FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'bascule')
      AND pg_catalog.obj_description(oid, 'pg_namespace') IS DISTINCT FROM 'bascule: only on this site'
), grants (name, acl) AS (
    SELECT 'database ' || pg_catalog.quote_ident(datname), coalesce(datacl, pg_catalog.acldefault('d', datdba)) FROM here
    UNION ALL
    SELECT 'schema ' || pg_catalog.quote_ident(nspname), coalesce(nspacl, pg_catalog.acldefault('n', nspowner)) FROM spaces
    UNION ALL
    SELECT CASE c.relkind WHEN 'S' THEN 'sequence ' ELSE 'relation ' END || pg_catalog.format('%I.%I', s.nspname, c.relname),
           coalesce(c.relacl, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
    FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'column ' || pg_catalog.format('%I.%I.%I', s.nspname, c.relname, a.attname), a.attacl
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN spaces s ON s.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL
    UNION ALL
    SELECT 'function ' || pg_catalog.format('%I.%I(%s)', s.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
           coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
    FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace
    UNION ALL
    SELECT 'default of ' || pg_catalog.concat_ws(' ', pg_catalog.pg_get_userbyid(d.defaclrole), s.nspname, d.defaclobjtype),
           d.defaclacl
    FROM pg_catalog.pg_default_acl d LEFT JOIN spaces s ON s.oid = d.defaclnamespace
)
SELECT 'grants' AS kind, g.name,
       (SELECT pg_catalog.string_agg(x.one, ', ' ORDER BY x.one)
          FROM (SELECT pg_catalog.format('%s: %s%s', CASE grantee WHEN 0 THEN 'PUBLIC'
                           ELSE pg_catalog.pg_get_userbyid(grantee) END, privilege_type,
                           CASE WHEN is_grantable THEN ' with grant option' ELSE '' END) AS one
                  FROM pg_catalog.aclexplode(g.acl)) x) AS value
FROM grants g
UNION ALL
SELECT 'schema', nspname::pg_catalog.text, 'of ' || pg_catalog.pg_get_userbyid(nspowner) FROM spaces
UNION ALL
SELECT 'setting', pg_catalog.concat_ws(' ', CASE WHEN r.rolname IS NOT NULL THEN 'of role ' || r.rolname END,
                                       CASE WHEN s.setdatabase <> 0 THEN 'here' END,
                                       pg_catalog.split_part(c.setting, '=', 1)),
       pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1)
FROM pg_catalog.pg_db_role_setting s
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c (setting)
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
WHERE s.setdatabase IN (0, (SELECT oid FROM here)) AND coalesce(r.rolname, '') !~ '^bascule_'
UNION ALL
SELECT 'publication', p.pubname::pg_catalog.text,
       pg_catalog.concat_ws(' ', CASE WHEN p.puballtables THEN 'of all tables' END, pg_catalog.format('%s%s%s',
           CASE WHEN p.pubinsert THEN 'i' END, CASE WHEN p.pubupdate THEN 'u' END, CASE WHEN p.pubdelete THEN 'd' END),
           (SELECT pg_catalog.string_agg(r.name, ', ' ORDER BY r.name)
              FROM (SELECT prrelid::pg_catalog.regclass::pg_catalog.text AS name
                      FROM pg_catalog.pg_publication_rel WHERE prpubid = p.oid) r))
FROM pg_catalog.pg_publication p WHERE p.pubname !~ '^bascule_'
UNION ALL
SELECT 'subscription', s.subname::pg_catalog.text, CASE WHEN s.subenabled THEN 'enabled' ELSE 'disabled' END
FROM pg_catalog.pg_subscription s, here WHERE s.subdbid = here.oid AND s.subname !~ '^bascule_'
UNION ALL
SELECT 'slot', s.slot_name::pg_catalog.text, pg_catalog.concat_ws(' ', s.slot_type, s.plugin, s.database)
FROM pg_catalog.pg_replication_slots s WHERE s.slot_name !~ '^bascule_' AND NOT s.temporary
UNION ALL
SELECT 'role', r.rolname::pg_catalog.text,
       pg_catalog.concat_ws(' ', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcanlogin THEN 'LOGIN' END,
           CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
           CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
           CASE WHEN NOT r.rolinherit THEN 'NOINHERIT' END, 'CONNECTION LIMIT ' || nullif(r.rolconnlimit, -1),
           'VALID UNTIL ' || r.rolvaliduntil,
           'in ' || (SELECT pg_catalog.string_agg(m.name, ', ' ORDER BY m.name)
                       FROM (SELECT pg_catalog.pg_get_userbyid(roleid)::pg_catalog.text AS name
                               FROM pg_catalog.pg_auth_members WHERE member = r.oid) m))
FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^(pg|bascule)_'
UNION ALL
SELECT 'event trigger', e.evtname::pg_catalog.text, pg_catalog.concat_ws(' ', e.evtevent, e.evtenabled)
FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
JOIN spaces s ON s.oid = p.pronamespace
ORDER BY 1, 2;
