-- What ALTER SYSTEM has set on this server: kind, name, value, as turn_catalogue.sql tells the rest. Superusers may ask.
SELECT 'server setting' AS kind, f.name, f.setting AS value
FROM pg_catalog.pg_file_settings f WHERE f.sourcefile ~ 'postgresql\.auto\.conf$';
