-- The end of a lift, after freeze_lift.sql: ends all client sessions that began before now, since their settings are
-- from the freeze, and forgets what was kept. Those that are there now are named, since a clock may have been set back
-- meanwhile; one that is only just starting shows later, with the moment at which it began. Bascule's own are left,
-- those of this very role that bear its name.
-- Nothing kept, nothing done: a second lift ends no session of users at work.
DO $$
DECLARE
    db name := pg_catalog.current_database();
    keeper name := (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10);
    is_superuser boolean := (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user);
    is_kept boolean := EXISTS (
        SELECT FROM pg_catalog.pg_db_role_setting s
        CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
        WHERE c.setting LIKE 'bascule.fence=%'
          AND s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = db)
    );
    -- By whoever is no superuser, as freeze_flag.sql says.
    in_schema jsonb := (
        SELECT pg_catalog.obj_description(n.oid, 'pg_namespace')::jsonb FROM pg_catalog.pg_namespace n
        WHERE n.nspname = 'bascule' AND pg_catalog.obj_description(n.oid, 'pg_namespace') LIKE '{%'
    );
    since timestamptz := pg_catalog.clock_timestamp();
    there text[] := ARRAY(SELECT a.pid || ' ' || a.backend_start FROM pg_catalog.pg_stat_activity a);
    ended bigint;
BEGIN
    IF is_superuser AND NOT is_kept THEN
        RETURN;
    END IF;
    FOR pass IN 1 .. 5000 LOOP
        PERFORM pg_catalog.pg_stat_clear_snapshot();
        SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(a.pid)) INTO ended
        FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = db
          AND a.backend_type = 'client backend'
          AND a.pid <> pg_catalog.pg_backend_pid()
          AND NOT (a.usename = session_user
                   AND (a.application_name = 'bascule' OR a.application_name LIKE 'bascule %'))
          -- Who is no superuser may not end one's.
          AND (is_superuser OR a.usename NOT IN (SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.rolsuper))
          AND (a.backend_start <= since OR a.pid || ' ' || a.backend_start = ANY (there));
        EXIT WHEN ended = 0;
        PERFORM pg_catalog.pg_sleep(0.002);
    END LOOP;
    IF in_schema IS NOT NULL THEN
        IF in_schema ? 'schema' THEN
            BEGIN
                DROP SCHEMA bascule;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                COMMENT ON SCHEMA bascule IS NULL;  -- a move has put something of its own there since
            END;
        ELSE
            COMMENT ON SCHEMA bascule IS NULL;
        END IF;
    END IF;
    IF is_kept AND is_superuser THEN
        EXECUTE pg_catalog.format('ALTER ROLE %I IN DATABASE %I RESET bascule.fence', keeper, db);
    END IF;
END
$$;
