-- Roles that can log in and write whatever rights are taken: superusers, and those who may write all data.
SELECT r.rolname
FROM pg_catalog.pg_roles r
WHERE r.rolcanlogin
  AND (r.rolsuper OR EXISTS (
      SELECT FROM pg_catalog.pg_roles w
      WHERE w.rolname = 'pg_write_all_data' AND pg_catalog.pg_has_role(r.oid, w.oid, 'MEMBER')
  ))
ORDER BY 1;
