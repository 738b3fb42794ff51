#!/bin/sh
# Starts PostgreSQL in the image of deploy/debian-images.sh by the variables that the official image takes: POSTGRES_USER,
# POSTGRES_PASSWORD, PGDATA. The first start makes a database of the user's name.
set -eu

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    secret=$(mktemp)
    printf '%s' "$POSTGRES_PASSWORD" >"$secret"
    initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile="$secret" --locale=C.UTF-8 --auth=scram-sha-256
    rm "$secret"
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_USER\"" | postgres --single -D "$PGDATA" postgres
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -k /var/run/postgresql
