-- Ends all client sessions that began before now, this one excepted: their settings are from the freeze.
DO $$
DECLARE
    since timestamptz := pg_catalog.clock_timestamp();
    ended bigint;
BEGIN
    FOR pass IN 1 .. 1000 LOOP
        PERFORM pg_catalog.pg_stat_clear_snapshot();
        SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(a.pid)) INTO ended
        FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = pg_catalog.current_database()
          AND a.backend_type = 'client backend'
          AND a.pid <> pg_catalog.pg_backend_pid()
          AND a.backend_start <= since;
        EXIT WHEN ended = 0;
        PERFORM pg_catalog.pg_sleep(0.01);
    END LOOP;
END
$$;
