-- Makes new sessions of this database read-only, wherever they get their flag from, and keeps what puts it back.
-- A role's own setting wins over the database's, so each role that has one gets ours in this database.
--
-- What puts it back is kept as the setting bascule.fence of the server's first superuser in this database: the
-- one role that cannot be dropped. It is written in the same transaction, dumped by no tool, and goes with the lift.
-- Who is no superuser may not set that: with the rights of all owners (bascule.takes_rights) he keeps it as the comment
-- of schema bascule; without, he sets the database's flag only, and only where it had none.
--
-- bascule.not_after: the server's clock (epoch) after which nothing is begun any more; may be unset.
DO $$
DECLARE
    db name := pg_catalog.current_database();
    keeper name := (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10);
    is_superuser boolean := (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user);
    may_keep boolean := is_superuser OR pg_catalog.current_setting('bascule.takes_rights', true) = 'on';
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
    ));
    flags jsonb := COALESCE(kept -> 'flags', '{}');
    place record;
BEGIN
    IF pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) > not_after::float8 THEN
        RAISE SQLSTATE 'BA001' USING MESSAGE = 'too late to begin a freeze';
    END IF;
    FOR place IN
        WITH flag AS (
            SELECT s.setdatabase, r.rolname AS role,
                   pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1) AS value
            FROM pg_catalog.pg_db_role_setting s
            CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
            LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
            WHERE c.setting LIKE 'default\_transaction\_read\_only=%'
              AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = db))
              AND (s.setrole = 0 OR r.rolname IS NOT NULL)
        ),
        wanted AS (
            SELECT pg_catalog.format('DATABASE %I', db) AS target,
                   (SELECT f.value FROM flag f WHERE f.role IS NULL AND f.setdatabase <> 0) AS before
            UNION ALL
            SELECT pg_catalog.format('ROLE %I IN DATABASE %I', f.role, db),
                   pg_catalog.max(f.value) FILTER (WHERE f.setdatabase <> 0)
            FROM flag f
            WHERE f.role IS NOT NULL
            GROUP BY f.role
            HAVING pg_catalog.bool_or(pg_catalog.lower(f.value) NOT IN ('on', 'true'))
        )
        SELECT w.target, w.before FROM wanted w WHERE COALESCE(pg_catalog.lower(w.before), '') NOT IN ('on', 'true')
    LOOP
        EXECUTE pg_catalog.format('ALTER %s SET default_transaction_read_only = on', place.target);
        flags := pg_catalog.jsonb_build_object(
            place.target,
            CASE WHEN place.before IS NULL
                 THEN pg_catalog.format('ALTER %s RESET default_transaction_read_only', place.target)
                 ELSE pg_catalog.format('ALTER %s SET default_transaction_read_only = %L', place.target, place.before)
            END
        ) || flags;
    END LOOP;
    IF may_keep THEN
        kept := COALESCE(kept, '{}') || pg_catalog.jsonb_build_object('flags', flags);
    END IF;
    IF is_superuser THEN
        EXECUTE pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET bascule.fence = %L', keeper, db, kept::text);
    ELSIF may_keep THEN
        IF pg_catalog.to_regnamespace('bascule') IS NULL THEN
            CREATE SCHEMA bascule;
            kept := kept || '{"schema": true}';
        END IF;
        EXECUTE pg_catalog.format('COMMENT ON SCHEMA bascule IS %L', kept::text);
    END IF;
END
$$;
