-- Ends all client sessions that began before now: their settings are from the freeze. Bascule's own are left, those
-- of this very role that bear its name.
DO $$
DECLARE
    since timestamptz := pg_catalog.clock_timestamp();
    ended bigint;
BEGIN
    FOR pass IN 1 .. 5000 LOOP
        PERFORM pg_catalog.pg_stat_clear_snapshot();
        SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(a.pid)) INTO ended
        FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = pg_catalog.current_database()
          AND a.backend_type = 'client backend'
          AND a.pid <> pg_catalog.pg_backend_pid()
          AND NOT (a.usename = session_user AND (a.application_name = 'bascule' OR a.application_name LIKE 'bascule %'))
          AND a.backend_start <= since;
        EXIT WHEN ended = 0;
        PERFORM pg_catalog.pg_sleep(0.002);
    END LOOP;
END
$$;
