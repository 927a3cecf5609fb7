-- Takes from everybody, owners included, the rights to write into this database, and keeps what gives them back,
-- with freeze_flag.sql's record and in the same transaction. Only GRANT and REVOKE: no catalogue is edited by hand.
--
-- Tables, views and their columns one by one; sequences and large objects by the server's functions that write
-- them, so that their number does not count; new objects by CREATE on schemas and database. Superusers are left
-- out, since no right can be taken from them. Schema bascule is ours alone.
--
-- Who fences without being a superuser has the rights of all owners, and would lose them with these: he gives himself
-- what he takes from them. The server's functions are not his, so sequences and large objects go one by one then; what
-- stays is that a new large object can be made, and an own one removed, which is watched.
--
-- bascule.not_after: as in freeze_flag.sql. A second run takes only what was given since, and keeps both.
DO $$
DECLARE
    db name := pg_catalog.current_database();
    keeper name := (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10);
    -- Two values: before version 11 no record may have one to begin with.
    my_oid oid := (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user);
    am_super boolean := (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user);
    not_after text := NULLIF(pg_catalog.current_setting('bascule.not_after', true), '');
    kept jsonb := COALESCE((
        SELECT pg_catalog.substr(c.setting, 15)::jsonb
        FROM pg_catalog.pg_db_role_setting s
        CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
        WHERE c.setting LIKE 'bascule.fence=%'
          AND s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = db)
    ), (
        SELECT pg_catalog.obj_description(n.oid, 'pg_namespace')::jsonb FROM pg_catalog.pg_namespace n
        WHERE n.nspname = 'bascule' AND pg_catalog.obj_description(n.oid, 'pg_namespace') LIKE '{%'
    ), '{}');
    rights jsonb;
    one record;
BEGIN
    IF pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) > not_after::float8 THEN
        RAISE SQLSTATE 'BA001' USING MESSAGE = 'too late to begin a freeze';
    END IF;
    IF NOT am_super AND NOT kept ? 'own' THEN
        FOR one IN
            WITH written AS (
                SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
                       pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
                       CASE c.relkind WHEN 'S' THEN 'USAGE, UPDATE' ELSE 'INSERT, UPDATE, DELETE, TRUNCATE' END AS privileges
                FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
                  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'bascule')
                  AND n.nspname NOT LIKE 'pg\_temp\_%'
                UNION ALL
                SELECT 'LARGE OBJECT', l.oid::text, 'UPDATE' FROM pg_catalog.pg_largeobject_metadata l
                UNION ALL
                SELECT 'DATABASE', pg_catalog.quote_ident(db), 'CREATE'
            )
            SELECT pg_catalog.format('%s ON %s %s', w.privileges, w.kind, pg_catalog.string_agg(w.name, ', ' ORDER BY w.name))
                       AS what
            FROM written w
            GROUP BY w.kind, w.privileges
        LOOP
            EXECUTE pg_catalog.format('GRANT %s TO %I', one.what, session_user);
            kept := kept || pg_catalog.jsonb_build_object(
                'own', COALESCE(kept -> 'own', '[]')
                       || pg_catalog.to_jsonb(pg_catalog.format('REVOKE %s FROM %I', one.what, session_user)));
        END LOOP;
    END IF;
    -- Twice: the second look must find nothing left.
    FOR look IN 1 .. 2 LOOP
        WITH RECURSIVE object AS (
            SELECT 'TABLE' AS kind, c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
                   c.relowner AS owner, '{INSERT,UPDATE,DELETE,TRUNCATE}'::text[] AS writing, '%s' AS written,
                   COALESCE(c.relacl, pg_catalog.acldefault('r', c.relowner)) AS acl
            FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'bascule')
              AND n.nspname NOT LIKE 'pg\_temp\_%'
            UNION ALL
            SELECT 'TABLE', c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relowner, '{INSERT,UPDATE}',
                   '%s (' || pg_catalog.replace(pg_catalog.quote_ident(a.attname), '%', '%%') || ')', a.attacl
            FROM pg_catalog.pg_attribute a
            JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
              AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'bascule')
              AND n.nspname NOT LIKE 'pg\_temp\_%'
            UNION ALL
            SELECT 'FUNCTION', p.oid,
                   pg_catalog.format(
                       'pg_catalog.%I(%s)', p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
                   p.proowner, '{EXECUTE}', '%s', COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))
            FROM pg_catalog.pg_proc p
            WHERE am_super AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
              AND p.proname IN ('nextval', 'setval', 'lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import', 'lo_put',
                                'lo_truncate', 'lo_truncate64', 'lo_unlink', 'lowrite')
            UNION ALL
            SELECT 'SEQUENCE', c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relowner, '{USAGE,UPDATE}', '%s',
                   COALESCE(c.relacl, pg_catalog.acldefault('s', c.relowner))
            FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE NOT am_super AND c.relkind = 'S'
              AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_temp\_%'
            UNION ALL
            SELECT 'LARGE OBJECT', l.oid, l.oid::text, l.lomowner, '{UPDATE}', '%s',
                   COALESCE(l.lomacl, pg_catalog.acldefault('L', l.lomowner))
            FROM pg_catalog.pg_largeobject_metadata l
            WHERE NOT am_super
            UNION ALL
            SELECT 'SCHEMA', n.oid, pg_catalog.quote_ident(n.nspname), n.nspowner, '{CREATE}', '%s',
                   COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner))
            FROM pg_catalog.pg_namespace n
            WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'bascule')
              AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
            UNION ALL
            SELECT 'DATABASE', d.oid, pg_catalog.quote_ident(d.datname), d.datdba, '{CREATE}', '%s',
                   COALESCE(d.datacl, pg_catalog.acldefault('d', d.datdba))
            FROM pg_catalog.pg_database d
            WHERE d.datname = db
        ),
        entry AS (
            SELECT o.kind, o.oid, o.name, o.owner, e.grantor, e.grantee, e.is_grantable, e.privilege_type,
                   pg_catalog.format(o.written, e.privilege_type) AS privilege
            FROM object o
            CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) e
            LEFT JOIN pg_catalog.pg_roles r ON r.oid = e.grantee
            WHERE e.privilege_type = ANY (o.writing)
              AND (e.grantee = 0 OR NOT r.rolsuper)
              AND (am_super OR e.grantee <> my_oid)
        ),
        -- Who got a right from somebody other than the owner gets it back after that one has his.
        chain AS (
            SELECT e.*, 1 AS depth
            FROM entry e
            WHERE e.grantor <> e.owner
            UNION ALL
            SELECT e.*, c.depth + 1
            FROM chain c
            JOIN entry e ON (e.kind, e.oid, e.privilege_type) = (c.kind, c.oid, c.privilege_type)
                        AND e.grantor = c.grantee
            WHERE c.is_grantable AND e.grantor <> e.owner AND c.depth < 50
        ),
        ordered AS (
            SELECT e.kind, e.name, e.grantee, e.is_grantable, e.privilege, NULL::oid AS grantor, 0 AS depth
            FROM entry e
            WHERE e.grantor = e.owner
            UNION ALL
            SELECT c.kind, c.name, c.grantee, c.is_grantable, c.privilege, c.grantor, pg_catalog.max(c.depth)
            FROM chain c
            GROUP BY 1, 2, 3, 4, 5, 6
        ),
        per_grantee AS (
            SELECT o.kind, o.name, o.grantor, o.depth, o.is_grantable,
                   CASE WHEN o.grantee = 0 THEN 'PUBLIC' ELSE o.grantee::pg_catalog.regrole::text END AS grantee,
                   pg_catalog.string_agg(o.privilege, ', ' ORDER BY o.privilege) AS privileges
            FROM ordered o
            GROUP BY o.kind, o.name, o.grantor, o.depth, o.is_grantable, o.grantee
        ),
        per_object AS (
            SELECT g.kind, g.name, g.grantor, g.depth, g.is_grantable, g.privileges,
                   pg_catalog.jsonb_agg(g.grantee ORDER BY g.grantee) AS grantees
            FROM per_grantee g
            GROUP BY g.kind, g.name, g.grantor, g.depth, g.is_grantable, g.privileges
        ),
        statement AS (
            SELECT o.kind, o.grantor::pg_catalog.regrole::text AS grantor, o.depth, o.is_grantable, o.privileges,
                   o.grantees, pg_catalog.jsonb_agg(o.name ORDER BY o.name) AS names
            FROM per_object o
            GROUP BY o.kind, o.grantor, o.depth, o.is_grantable, o.privileges, o.grantees
        )
        SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s) ORDER BY s.depth, s.kind, s.privileges)
        INTO rights
        FROM statement s;

        EXIT WHEN rights IS NULL;
        IF look = 2 THEN
            RAISE SQLSTATE 'BA002' USING MESSAGE = pg_catalog.format(
                'rights that cannot be taken: %s on %s from %s',
                rights #>> '{0,privileges}', rights #>> '{0,names,0}', rights #>> '{0,grantees,0}');
        END IF;
        kept := kept || pg_catalog.jsonb_build_object('rights', COALESCE(kept -> 'rights', '[]') || rights);
        -- From the end of each chain to its beginning.
        FOR one IN
            SELECT s.grantor,
                   pg_catalog.format(
                       'REVOKE %s ON %s %s FROM %s CASCADE', s.privileges, s.kind,
                       (SELECT pg_catalog.string_agg(n, ', ') FROM pg_catalog.jsonb_array_elements_text(s.names) n),
                       (SELECT pg_catalog.string_agg(g, ', ') FROM pg_catalog.jsonb_array_elements_text(s.grantees) g)
                   ) AS statement
            FROM pg_catalog.jsonb_to_recordset(rights)
                AS s(kind text, grantor text, depth int, privileges text, grantees jsonb, names jsonb)
            ORDER BY s.depth DESC
        LOOP
            BEGIN
                IF one.grantor IS NOT NULL THEN
                    EXECUTE 'SET LOCAL ROLE ' || one.grantor;
                END IF;
                EXECUTE one.statement;
                SET LOCAL ROLE NONE;
            EXCEPTION WHEN insufficient_privilege THEN
                -- He may not reach it himself any more. His own right goes below, and this one with it.
                CONTINUE;
            END;
        END LOOP;
    END LOOP;
    IF NOT kept ? 'rights' THEN
        kept := kept || '{"rights": []}';
    END IF;
    IF am_super THEN
        EXECUTE pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET bascule.fence = %L', keeper, db, kept::text);
    ELSE
        EXECUTE pg_catalog.format('COMMENT ON SCHEMA bascule IS %L', kept::text);
    END IF;
END
$$;
