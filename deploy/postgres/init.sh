#!/bin/sh
# Roles and databases, once, when PostgreSQL starts on an empty volume. No password is an argument.
set -eu
secrets=${SECRETS:-/run/secrets}
psql -q -v ON_ERROR_STOP=1 --username postgres --dbname postgres <<SQL
\set iceberg \`cat $secrets/iceberg_password\`
\set reader \`cat $secrets/key_reader_password\`
\set writer \`cat $secrets/key_writer_password\`
\set state \`cat $secrets/state_password\`
CREATE ROLE iceberg LOGIN PASSWORD :'iceberg';
CREATE ROLE key_reader LOGIN PASSWORD :'reader';
CREATE ROLE key_writer LOGIN PASSWORD :'writer';
CREATE ROLE state LOGIN PASSWORD :'state';
CREATE DATABASE iceberg OWNER iceberg;
CREATE DATABASE keys OWNER key_writer;
CREATE DATABASE meshgate OWNER state;
REVOKE CONNECT ON DATABASE iceberg, keys, meshgate FROM PUBLIC;
GRANT CONNECT ON DATABASE keys TO key_reader;
\connect keys
-- The gateway writes token keys; Trino's role may read them and nothing else.
CREATE SCHEMA gw AUTHORIZATION key_writer;
GRANT USAGE ON SCHEMA gw TO key_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE key_writer IN SCHEMA gw GRANT SELECT ON TABLES TO key_reader;
SQL
