-- How a stream stands where its changes come from; bascule.stream names it. One row always.
-- to_jsonb hides from older servers the columns that they do not have yet.
WITH stream AS (SELECT pg_catalog.current_setting('bascule.stream', true) AS name),
slot AS (
    SELECT s.active, s.active_pid, s.restart_lsn, s.confirmed_flush_lsn,
           pg_catalog.to_jsonb(s) ->> 'wal_status' AS wal_status,
           (pg_catalog.to_jsonb(s) ->> 'safe_wal_size')::pg_catalog.int8 AS safe_wal_size
    FROM pg_catalog.pg_replication_slots s, stream
    WHERE s.slot_name = stream.name AND s.database = pg_catalog.current_database()
),
publication AS (SELECT p.oid FROM pg_catalog.pg_publication p, stream WHERE p.pubname = stream.name),
login AS (
    SELECT r.rolcanlogin,
           -- Amazon RDS has a role in the place of the attribute.
           r.rolreplication OR EXISTS (
               SELECT FROM pg_catalog.pg_roles m
                WHERE m.rolname = 'rds_replication' AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER')) AS rolreplication,
           r.rolvaliduntil < pg_catalog.now() AS is_expired,
           pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CONNECT') AS may_connect
    FROM pg_catalog.pg_roles r, stream
    WHERE r.rolname = stream.name
)
SELECT (SELECT true FROM publication) IS NOT NULL AS has_publication,
       (SELECT pg_catalog.count(*) FROM slot) = 1 AS has_slot,
       (SELECT pg_catalog.count(*) FROM login) = 1 AS has_role,
       slot.active,
       slot.wal_status,
       slot.confirmed_flush_lsn::pg_catalog.text AS confirmed,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), slot.confirmed_flush_lsn)::pg_catalog.int8 AS lag_bytes,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), slot.restart_lsn)::pg_catalog.int8 AS retained_bytes,
       slot.safe_wal_size AS room_bytes,
       (SELECT pg_catalog.date_part('epoch', w.replay_lag) FROM pg_catalog.pg_stat_replication w
         WHERE w.pid = slot.active_pid) AS lag_seconds,
       login.rolcanlogin AS can_login,
       login.rolreplication AS can_replicate,
       login.is_expired,
       login.may_connect
FROM stream LEFT JOIN slot ON true LEFT JOIN login ON true;
