-- Lets nobody but superusers and whoever fences define or grant anything in this database any more, whatever role a
-- session takes meanwhile, where that may be told the server: owners could give themselves back what freeze_rights.sql takes. Comes between freeze_flag.sql, with
-- whose record it is kept, and freeze_rights.sql; freeze_lift.sql takes it away.
--
-- An event trigger does not see what belongs to the server as a whole, such as GRANT ON DATABASE; it refuses what
-- that would allow. It is ours, in schema bascule, which no copy and no comparison takes for the customer's.
--
-- bascule.not_after: as in freeze_flag.sql. A second run changes nothing.
DO $$
DECLARE
    db name := pg_catalog.current_database();
    keeper name := (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10);
    not_after text := NULLIF(pg_catalog.current_setting('bascule.not_after', true), '');
    kept jsonb := COALESCE((
        SELECT pg_catalog.substr(c.setting, 15)::jsonb
        FROM pg_catalog.pg_db_role_setting s
        CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
        WHERE c.setting LIKE 'bascule.fence=%'
          AND s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = db)
    ), '{}');
BEGIN
    IF pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) > not_after::float8 THEN
        RAISE SQLSTATE 'BA001' USING MESSAGE = 'too late to begin a freeze';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname = 'bascule_fence') THEN
        IF pg_catalog.to_regnamespace('bascule') IS NULL THEN
            CREATE SCHEMA bascule;
            EXECUTE pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET bascule.fence = %L', keeper, db,
                                      (kept || '{"schema": true}')::text);
        END IF;
        BEGIN
            CREATE OR REPLACE FUNCTION bascule.fence() RETURNS event_trigger LANGUAGE plpgsql SET search_path = ''
            AS $fence$
            BEGIN
                -- By the catalogue alone: whoever has come here may not reach schema bascule.
                IF NOT (SELECT r.rolsuper OR r.oid IN (SELECT e.evtowner FROM pg_catalog.pg_event_trigger e
                                                        WHERE e.evtname = 'bascule_fence')
                          FROM pg_catalog.pg_roles r WHERE r.rolname = session_user) THEN
                    RAISE insufficient_privilege USING
                        MESSAGE = pg_catalog.format('%s is refused: this database is fenced while it is moved', tg_tag);
                END IF;
            END
            $fence$;
            CREATE EVENT TRIGGER bascule_fence ON ddl_command_start EXECUTE PROCEDURE bascule.fence();
            -- Also for whoever may pass for a replica.
            ALTER EVENT TRIGGER bascule_fence ENABLE ALWAYS;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;  -- only some servers let others than superusers do this
        END;
    END IF;
END
$$;
