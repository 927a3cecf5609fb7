-- Bytes of log that the server keeps for the slot that bascule.slot names. What was read goes with the server's
-- next note of running transactions (a checkpoint makes one), so after a reading some of it may still be there.
SELECT coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn), 0)::bigint AS bytes
  FROM pg_catalog.pg_replication_slots s
 WHERE s.slot_name = pg_catalog.current_setting('bascule.slot');
