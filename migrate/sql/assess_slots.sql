-- Replication slots of the server, and how much log it keeps for each. Standbys may keep slots too; a move's
-- own are left out here and wherever slots are counted, so that one that has begun does not stand in its own way.
SELECT s.slot_name AS name, s.slot_type = 'logical' AS is_logical, s.active AS is_active,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                       s.restart_lsn)::bigint AS retained_bytes,
       to_jsonb(s) ->> 'wal_status' AS wal_status
  FROM pg_replication_slots s
 WHERE NOT s.temporary AND s.slot_name NOT LIKE 'bascule\_%'
 ORDER BY 1;
