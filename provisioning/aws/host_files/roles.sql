-- The roles of a site's database, made and kept by its master. Read by psql when a host starts; a repeat changes
-- nothing that is right. What comes as a password, from the environment, is only what the server keeps of it.
\set ON_ERROR_STOP on
\getenv dbname DBNAME
\getenv owner OWNER
\getenv owner_password OWNER_PASSWORD
\getenv application APPLICATION
\getenv application_password APPLICATION_PASSWORD
\getenv migration MIGRATION
\getenv migration_password MIGRATION_PASSWORD

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY[:'owner', :'application', :'migration']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE :"owner" LOGIN PASSWORD :'owner_password';
ALTER ROLE :"application" LOGIN PASSWORD :'application_password';
ALTER ROLE :"migration" LOGIN PASSWORD :'migration_password';

GRANT :"owner" TO CURRENT_USER;
GRANT :"owner", pg_read_all_data, pg_signal_backend TO :"migration";

ALTER DATABASE :"dbname" OWNER TO :"owner";
REVOKE ALL ON DATABASE :"dbname" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"dbname" TO :"application", :"migration";
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- What the owner makes, the application may use.
SET ROLE :"owner";
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO :"application";
ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"application";
ALTER DEFAULT PRIVILEGES GRANT SELECT, UPDATE, USAGE ON SEQUENCES TO :"application";
RESET ROLE;

-- Who looks at figures, on sites from a template; what these are, the owner grants when it makes them.
\getenv reader READER
\if :{?reader}
\getenv reader_password READER_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'reader')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'reader') \gexec
ALTER ROLE :"reader" LOGIN PASSWORD :'reader_password';
GRANT CONNECT ON DATABASE :"dbname" TO :"reader";
\endif

-- Rows are loaded in any order, and triggers fired on the legacy system already. A master that may not hand this
-- on is no reason for a site not to stand: a move that needs it says so before it begins.
SELECT set_config('bascule.migration', :'migration', false) \g /dev/null
DO $$
BEGIN
    EXECUTE format('GRANT SET ON PARAMETER session_replication_role TO %I', current_setting('bascule.migration'));
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'the migration role cannot switch triggers off: %', SQLERRM;
END $$;

-- Who carries a live move, as long as it lasts: he has what the master has, since RDS makes nobody a superuser.
\getenv mover MOVER
\getenv mover_password MOVER_PASSWORD
SELECT set_config('bascule.mover', :'mover', false) \g /dev/null
\if :{?mover_password}
SELECT format('CREATE ROLE %I', :'mover') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'mover') \gexec
ALTER ROLE :"mover" LOGIN CREATEROLE CREATEDB PASSWORD :'mover_password';
GRANT :"owner", :"application", pg_monitor, pg_read_all_data, pg_signal_backend, pg_create_subscription TO :"mover";
GRANT CONNECT ON DATABASE :"dbname" TO :"mover";
-- What RDS keeps for its master, and other servers grant in another way; a move that lacks it says so.
DO $$
DECLARE
    mover text := current_setting('bascule.mover');
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        'GRANT SET ON PARAMETER session_replication_role TO %I', 'ALTER ROLE %I REPLICATION',
        'GRANT rds_replication TO %I WITH ADMIN OPTION', 'GRANT rds_superuser TO %I'
    ] LOOP
        BEGIN
            EXECUTE format(statement, mover);
        EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
            RAISE NOTICE '%: %', format(statement, mover), SQLERRM;
        END;
    END LOOP;
END $$;
\else
SELECT format(statement, :'mover', :'owner')
FROM unnest(ARRAY['GRANT %1$I TO CURRENT_USER', 'REASSIGN OWNED BY %1$I TO %2$I', 'DROP OWNED BY %1$I', 'DROP ROLE %1$I'])
     WITH ORDINALITY AS s (statement, place)
WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = :'mover')
ORDER BY place \gexec
\endif
