-- Sessions that are just starting hold a lock on their database's catalogue row from before they read its
-- settings until after they show in pg_stat_activity. One that read them before the freeze may not be seen
-- there yet; here it is. A lock is named by its virtual transaction, which no later session has again.
SELECT l.pid, l.pid || ' ' || l.virtualtransaction AS holder
FROM pg_catalog.pg_locks l
WHERE l.locktype = 'object'
  AND l.classid = 'pg_catalog.pg_database'::pg_catalog.regclass
  AND l.objid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  AND l.pid <> pg_catalog.pg_backend_pid();
