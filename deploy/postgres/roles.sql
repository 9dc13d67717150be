-- Two roles: the owner of the tables, who migrates, and the program, which only reads and writes rows.
-- Run it as the owner, after the first `fairgate migrate`. Running it again changes only the password:
--   PROGRAM_PASSWORD=... psql --no-psqlrc --file deploy/postgres/roles.sql postgresql://OWNER@HOST/fairgate
-- Then `fairgate web` and `fairgate worker` log in as fairgate_program, and only `fairgate migrate` as the owner.
\set ON_ERROR_STOP on
\getenv password PROGRAM_PASSWORD

SELECT 'CREATE ROLE fairgate_program' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fairgate_program')
\gexec
ALTER ROLE fairgate_program LOGIN PASSWORD :'password';

-- Only the owner may create objects: databases created before PostgreSQL 15 let everybody.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE :"DBNAME" FROM PUBLIC;

GRANT CONNECT ON DATABASE :"DBNAME" TO fairgate_program;
GRANT USAGE ON SCHEMA public TO fairgate_program;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO fairgate_program;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO fairgate_program;
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM fairgate_program;

-- The same for objects of later migrations, so that a new release works before this has run again.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO fairgate_program;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO fairgate_program;
