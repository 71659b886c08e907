#!/bin/sh
# Make a database cluster if the data folder has none, then become the server: it is process 1
# and gets its signals. Arguments go to the server, for example `-c fsync=off`.
#
#   POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE   password of the superuser (needed once)
#   POSTGRES_USER                                 its name (postgres)
#   POSTGRES_DB                                   a database to create (the user's name)
set -eu

user="${POSTGRES_USER:-postgres}"
database="${POSTGRES_DB:-$user}"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    umask 077
    if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
        password="$(cat "$POSTGRES_PASSWORD_FILE")"
    else
        password="${POSTGRES_PASSWORD:-}"
    fi
    if [ -z "$password" ]; then
        echo "set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE to a password that is not empty" >&2
        exit 64
    fi

    # Made beside its final place: a pod that was killed half-way leaves nothing that looks done.
    fresh="$PGDATA.new"
    rm -rf "$fresh"
    pwfile="$(mktemp)"
    printf '%s\n' "$password" >"$pwfile"
    initdb --pgdata="$fresh" --username="$user" --pwfile="$pwfile" --auth-host=scram-sha-256 \
        --auth-local=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >/dev/null
    rm -f "$pwfile"
    echo "host all all all scram-sha-256" >>"$fresh/pg_hba.conf"
    if [ "$database" != postgres ]; then
        quoted="$(printf '%s' "$database" | sed 's/"/""/g')"
        printf 'CREATE DATABASE "%s";\n' "$quoted" |
            postgres --single -D "$fresh" -c fsync=off postgres >/dev/null
    fi
    mv "$fresh" "$PGDATA"
fi
unset POSTGRES_PASSWORD password

exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/run/postgresql "$@"
