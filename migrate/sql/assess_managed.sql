-- Whose service the server is: each makes a role of its own that stands where a superuser would. At most one row.
SELECT s.service
  FROM (VALUES ('rds_superuser', 'Amazon RDS or Aurora'), ('cloudsqlsuperuser', 'Google Cloud SQL'),
               ('alloydbsuperuser', 'Google AlloyDB'), ('azure_pg_admin', 'Azure Database for PostgreSQL'),
               ('neon_superuser', 'Neon'), ('supabase_admin', 'Supabase'), ('avnadmin', 'Aiven'),
               ('doadmin', 'DigitalOcean')) AS s (role, service)
  JOIN pg_roles r ON r.rolname = s.role
 ORDER BY 1 LIMIT 1;
