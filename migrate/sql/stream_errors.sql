-- How often applying failed for stream bascule.stream; counted since PostgreSQL 15.
SELECT e.apply_error_count AS errors
FROM pg_catalog.pg_stat_subscription_stats e
JOIN pg_catalog.pg_subscription s ON s.oid = e.subid
WHERE s.subname = pg_catalog.current_setting('bascule.stream', true)
  AND s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database());
