-- Gives back what freeze_rights.sql and freeze_flag.sql took, as they kept it, in one transaction. Nothing kept,
-- nothing done. What was dropped meanwhile is passed over: a lift that stops half-way would help nobody.
-- freeze_end_sessions.sql goes on from there.
DO $$
DECLARE
    db name := pg_catalog.current_database();
    is_superuser boolean := (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user);
    keeper name := (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10);
    kept jsonb := COALESCE((
        SELECT pg_catalog.substr(c.setting, 15)::jsonb
        FROM pg_catalog.pg_db_role_setting s
        CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
        WHERE c.setting LIKE 'bascule.fence=%'
          AND s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = db)
    ), (
        SELECT pg_catalog.obj_description(n.oid, 'pg_namespace')::jsonb FROM pg_catalog.pg_namespace n
        WHERE n.nspname = 'bascule' AND pg_catalog.obj_description(n.oid, 'pg_namespace') LIKE '{%'
    ));
    one record;
    thing text;
    grantee text;
BEGIN
    IF kept IS NULL THEN
        IF NOT is_superuser THEN
            -- He froze by the flag, and only where the database had none of its own.
            EXECUTE pg_catalog.format('ALTER DATABASE %I RESET default_transaction_read_only', db);
        END IF;
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname = 'bascule_fence') THEN
        DROP EVENT TRIGGER bascule_fence;
        DROP FUNCTION bascule.fence();
    END IF;
    IF is_superuser AND kept ? 'schema' AND pg_catalog.to_regnamespace('bascule') IS NOT NULL THEN
        BEGIN
            DROP SCHEMA bascule;
        EXCEPTION WHEN dependent_objects_still_exist THEN
            NULL;  -- a move has put something of its own there since; it goes with the move
        END;
    END IF;
    FOR one IN
        SELECT s.kind, s.grantor, s.privileges, s.grantees, s.names,
               CASE WHEN s.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS option,
               (SELECT pg_catalog.string_agg(n, ', ')
                FROM pg_catalog.jsonb_array_elements_text(s.names) n) AS all_names,
               (SELECT pg_catalog.string_agg(g, ', ')
                FROM pg_catalog.jsonb_array_elements_text(s.grantees) g) AS all_grantees
        FROM pg_catalog.jsonb_to_recordset(COALESCE(kept -> 'rights', '[]'))
            AS s(kind text, grantor text, depth int, is_grantable bool, privileges text, grantees jsonb, names jsonb)
        ORDER BY s.depth
    LOOP
        BEGIN
            IF one.grantor IS NOT NULL THEN
                EXECUTE 'SET LOCAL ROLE ' || one.grantor;
            END IF;
            EXECUTE pg_catalog.format(
                'GRANT %s ON %s %s TO %s%s', one.privileges, one.kind, one.all_names, one.all_grantees, one.option);
            SET LOCAL ROLE NONE;
        EXCEPTION WHEN OTHERS THEN
            -- Something of it is gone: each by itself, and from the owner where the grantor cannot any more.
            FOR thing IN SELECT n FROM pg_catalog.jsonb_array_elements_text(one.names) n LOOP
                FOR grantee IN SELECT g FROM pg_catalog.jsonb_array_elements_text(one.grantees) g LOOP
                    BEGIN
                        EXECUTE pg_catalog.format(
                            'GRANT %s ON %s %s TO %s%s', one.privileges, one.kind, thing, grantee, one.option);
                    EXCEPTION
                        WHEN undefined_table OR undefined_column OR undefined_function OR undefined_object
                            OR invalid_schema_name OR wrong_object_type OR invalid_grant_operation THEN
                        RAISE WARNING 'not given back: % on % % to %: %',
                            one.privileges, one.kind, thing, grantee, SQLERRM;
                    END;
                END LOOP;
            END LOOP;
        END;
    END LOOP;
    FOR thing IN SELECT o FROM pg_catalog.jsonb_array_elements_text(COALESCE(kept -> 'own', '[]')) o LOOP
        BEGIN
            EXECUTE thing;
        EXCEPTION WHEN undefined_table OR undefined_object THEN
            RAISE WARNING 'not taken back: %: %', pg_catalog.left(thing, 100), SQLERRM;
        END;
    END LOOP;
    FOR thing IN SELECT f.value FROM pg_catalog.jsonb_each_text(COALESCE(kept -> 'flags', '{}')) f LOOP
        BEGIN
            EXECUTE thing;
        EXCEPTION WHEN undefined_object THEN
            RAISE WARNING 'not put back: %: %', thing, SQLERRM;
        END;
    END LOOP;
    -- What is kept goes when the sessions of the freeze are ended too.
    IF is_superuser THEN
        EXECUTE pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET bascule.fence = %L', keeper, db, '{}');
    ELSE
        EXECUTE pg_catalog.format('COMMENT ON SCHEMA bascule IS %L', kept - '{flags,rights,own}'::text[]);
    END IF;
END
$$;
