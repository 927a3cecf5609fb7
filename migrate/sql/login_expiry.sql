-- Seconds until the password of this session's role expires; null where it does not.
SELECT pg_catalog.date_part('epoch', nullif(r.rolvaliduntil, 'infinity') - pg_catalog.clock_timestamp()) AS seconds
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = session_user;
