#!/bin/sh
# Starts PostgreSQL in the image of deploy/debian-images.sh by the variables that the official image takes: POSTGRES_USER,
# POSTGRES_PASSWORD, PGDATA. The first start makes a database of the user's name.
#
# All is made in a folder of its own and moved, PG_VERSION last. So a start that was killed leaves no PG_VERSION, and the
# next one begins again; nothing was served from what it finds.
set -eu
making=$PGDATA/.making

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -d "$making" ]; then
        find "$PGDATA" -mindepth 1 -maxdepth 1 ! -path "$making" -exec rm -rf {} +
        rm -rf "$making"
    fi
    secret=$(mktemp)
    printf '%s' "$POSTGRES_PASSWORD" >"$secret"
    initdb --pgdata="$making" --username="$POSTGRES_USER" --pwfile="$secret" --locale=C.UTF-8 --auth=scram-sha-256
    rm "$secret"
    echo 'host all all all scram-sha-256' >>"$making/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_USER\"" | postgres --single -D "$making" postgres
    chmod 0700 "$PGDATA"
    for made in "$making"/*; do
        [ "$made" = "$making/PG_VERSION" ] || mv "$made" "$PGDATA"
    done
    mv "$making/PG_VERSION" "$PGDATA"
    rmdir "$making"
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -k /var/run/postgresql
