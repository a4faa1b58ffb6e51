#!/bin/bash
# Puts Trino's configuration together and starts it. Secrets come from files into the variables
# that the rendered files name (environment.meshgate lists them).
set -euo pipefail
etc=${ETC:-/etc/trino}
rendered=${RENDERED:-/rendered}
secrets=${SECRETS:-/run/secrets}
own=${OWN:-/opt/deploy/trino}
cp -r "$rendered"/. "$etc"/
cp "$own"/jvm.config "$own"/node.properties "$etc"/
cat "$own"/config.properties "$rendered"/config.properties.meshgate > "$etc"/config.properties
cp "$secrets"/trino.passwords "$etc"/password.db
export ICEBERG_USER=iceberg
LAKE_DATABASE_PASSWORD=$(< "$secrets"/iceberg_password)
LAKE_S3_ACCESS_KEY=$(< "$secrets"/s3_access_key)
LAKE_S3_SECRET_KEY=$(< "$secrets"/s3_secret_key)
export KEY_READER_USER=key_reader
KEY_READER_PASSWORD=$(< "$secrets"/key_reader_password)
TRINO_INTERNAL_SECRET=$(< "$secrets"/trino_internal_secret)
export LAKE_DATABASE_PASSWORD LAKE_S3_ACCESS_KEY LAKE_S3_SECRET_KEY KEY_READER_PASSWORD
export TRINO_INTERNAL_SECRET
exec "${LAUNCHER:-/usr/lib/trino/bin/run-trino}"
