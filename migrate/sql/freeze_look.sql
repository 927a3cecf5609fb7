-- How this database is fenced, and what was written into it; one row. rows_written: rows ever inserted, updated or
-- deleted in permanent tables and large objects, since the server began to count; schema bascule is ours alone. It
-- stands still in a fenced database; whoever goes round the fence moves it. takes_rights: whether this role may take
-- everybody's, being a superuser or a member of all owners here.
SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) AS server_epoch,
       (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = session_user) AS is_superuser,
       (
           SELECT me.rolsuper OR NOT EXISTS (
                           SELECT FROM (
                               SELECT d.datdba
                               UNION SELECT n.nspowner FROM pg_catalog.pg_namespace n
                                     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule')
                                       AND n.nspname NOT LIKE 'pg\_%'
                               UNION SELECT c.relowner FROM pg_catalog.pg_class c
                                     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                                     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
                                       AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'bascule')
                               UNION SELECT l.lomowner FROM pg_catalog.pg_largeobject_metadata l
                           ) AS o (owner)
                           WHERE NOT pg_catalog.pg_has_role(me.oid, o.owner, 'USAGE')
                       )
           FROM pg_catalog.pg_roles me WHERE me.rolname = session_user
       ) AS takes_rights,
       EXISTS (
           SELECT FROM pg_catalog.pg_db_role_setting s
           CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
           WHERE s.setdatabase = d.oid AND s.setrole = 0
             AND c.setting LIKE 'default\_transaction\_read\_only=%'
             AND pg_catalog.lower(pg_catalog.split_part(c.setting, '=', 2)) IN ('on', 'true')
       ) AS has_flag,
       EXISTS (
           SELECT FROM pg_catalog.pg_db_role_setting s
           CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
           WHERE c.setting LIKE 'default\_transaction\_read\_only=%'
             AND (s.setdatabase = d.oid OR s.setdatabase = 0)
       ) AS has_own_settings,
       coalesce((
           SELECT pg_catalog.substr(c.setting, 15)::jsonb ? 'rights'
           FROM pg_catalog.pg_db_role_setting s
           CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
           WHERE s.setdatabase = d.oid AND c.setting LIKE 'bascule.fence=%'
       ), (
           SELECT pg_catalog.obj_description(n.oid, 'pg_namespace')::jsonb ? 'rights'
           FROM pg_catalog.pg_namespace n
           WHERE n.nspname = 'bascule' AND pg_catalog.obj_description(n.oid, 'pg_namespace') LIKE '{%'
       )) AS rights_taken,
       (
           SELECT COALESCE(pg_catalog.sum(t.n_tup_ins + t.n_tup_upd + t.n_tup_del), 0)::bigint
           FROM pg_catalog.pg_stat_all_tables t
           JOIN pg_catalog.pg_class c ON c.oid = t.relid
           WHERE c.relpersistence <> 't'
             AND (t.schemaname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'bascule')
                  OR t.relid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass)
       ) AS rows_written
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database();
