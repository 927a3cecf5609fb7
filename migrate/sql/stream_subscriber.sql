-- How a stream stands where its changes go to; bascule.stream names it. No row where it has no subscription.
SELECT s.subenabled AS is_enabled,
       (SELECT w.pid FROM pg_catalog.pg_stat_subscription w WHERE w.subid = s.oid AND w.relid IS NULL LIMIT 1) AS worker,
       array(SELECT r.srrelid::pg_catalog.regclass::pg_catalog.text FROM pg_catalog.pg_subscription_rel r
              WHERE r.srsubid = s.oid AND r.srsubstate <> 'r') AS unready
FROM pg_catalog.pg_subscription s
WHERE s.subname = pg_catalog.current_setting('bascule.stream', true)
  AND s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database());
