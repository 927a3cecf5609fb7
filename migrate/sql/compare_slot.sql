-- The slot that bascule.slot names: how far its reader has come, and whether the server still keeps the log
-- that it needs ('lost' where it does not; servers before 13 never give one up).
SELECT s.confirmed_flush_lsn::text AS position, coalesce(pg_catalog.to_jsonb(s) ->> 'wal_status', 'reserved') AS log
  FROM pg_catalog.pg_replication_slots s
 WHERE s.slot_name = pg_catalog.current_setting('bascule.slot')
   AND s.database = pg_catalog.current_database();
