-- Marks each row that is recorded during a pilot, and takes none after its end.
-- In psql, put the pilot's end in the place of the braces.
CREATE OR REPLACE FUNCTION bascule.mark_pilot_row() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF pg_catalog.now() >= {ends_at}::pg_catalog.timestamptz THEN
    RAISE EXCEPTION 'the pilot phase ended at %', {ends_at}
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Its data are erased before the site goes live.';
  END IF;
  NEW.bascule_pilot := CASE TG_OP WHEN 'INSERT' THEN true ELSE OLD.bascule_pilot END;
  RETURN NEW;
END $$
