-- Why a subscription cannot reach its publisher, in the server's own words, or nothing: read it from
-- bascule.reason afterwards. The same connection string is tried under another name, and all of it is undone
-- before it could be seen; the string never leaves the server and stands in no statement that is logged.
DO $$
DECLARE
  wanted pg_catalog.text := pg_catalog.current_setting('bascule.stream', true);
  conninfo pg_catalog.text;
BEGIN
  PERFORM pg_catalog.set_config('bascule.reason', '', false);
  IF NOT pg_catalog.has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'SELECT') THEN
    RETURN;  -- nobody but the server knows it, and the server tells nobody
  END IF;
  SELECT s.subconninfo INTO conninfo FROM pg_catalog.pg_subscription s
   WHERE s.subname = wanted
     AND s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database());
  IF conninfo IS NULL THEN
    RETURN;
  END IF;
  BEGIN
    EXECUTE pg_catalog.format(
      'CREATE SUBSCRIPTION bascule_trial_%s CONNECTION %L PUBLICATION %I WITH (create_slot = false, '
      'slot_name = %L, enabled = false, copy_data = false)',
      pg_catalog.pg_backend_pid(), conninfo, wanted, wanted);
    RAISE EXCEPTION USING ERRCODE = 'BA000';
  EXCEPTION
    WHEN SQLSTATE 'BA000' THEN NULL;
    WHEN OTHERS THEN PERFORM pg_catalog.set_config('bascule.reason', SQLERRM, false);
  END;
END $$;
