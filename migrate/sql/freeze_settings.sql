-- Where this database's sessions get default_transaction_read_only from. A role's own setting wins over
-- the database's, so a freeze has to know it. scope: database, role (everywhere), role here (in this database).
SELECT CASE WHEN s.setrole = 0 THEN 'database' WHEN s.setdatabase = 0 THEN 'role' ELSE 'role here' END AS scope,
       r.rolname,
       pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1) AS value
FROM pg_catalog.pg_db_role_setting s
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
WHERE c.setting LIKE 'default\_transaction\_read\_only=%'
  AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
  AND (s.setrole <> 0 OR s.setdatabase <> 0)
ORDER BY 1, 2;
