-- Transactions prepared for two-phase commit: they can still be committed in a frozen database.
SELECT p.gid, p.owner, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - p.prepared) AS seconds
FROM pg_catalog.pg_prepared_xacts p
WHERE p.database = pg_catalog.current_database()
ORDER BY p.prepared;
