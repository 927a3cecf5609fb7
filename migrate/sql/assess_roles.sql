-- Roles that own something here, hold a right here or may log in; PostgreSQL's own are left out.
SELECT r.rolname AS name, r.rolcanlogin AS may_log_in, r.rolsuper AS is_superuser,
       r.rolreplication AS may_replicate
  FROM pg_roles r
 WHERE r.rolname NOT LIKE 'pg\_%'
 ORDER BY 1;
