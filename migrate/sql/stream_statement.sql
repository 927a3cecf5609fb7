-- Runs the one statement in pg_temp.bascule_statement, which holds a password. Rows that are copied in are in no log and
-- no list of activities, whatever the server logs; nor is what fails in here, since its text would go along with it.
DO $$
DECLARE
  given pg_catalog.text;
BEGIN
  SELECT s.statement INTO STRICT given FROM pg_temp.bascule_statement s;
  BEGIN
    EXECUTE given;
  EXCEPTION WHEN OTHERS THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
  END;
END $$;
