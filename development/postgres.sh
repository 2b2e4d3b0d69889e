#!/usr/bin/env bash
# Start PostgreSQL as its own user. The entry point of the image starts as root, to change the owner of folders.
set -euo pipefail

PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
readonly data=/var/lib/postgresql/verger password=/var/lib/verger/secrets/database_password

if [[ ! -d $data ]]; then
  rm -rf "$data.new"
  initdb --pgdata "$data.new" --username airflow --pwfile "$password" --auth scram-sha-256 --encoding UTF8 --no-locale
  echo 'host all all all scram-sha-256' >>"$data.new/pg_hba.conf"
  echo 'CREATE DATABASE airflow' | postgres --single -D "$data.new" postgres
  mv "$data.new" "$data"
fi
exec postgres -D "$data" -c 'listen_addresses=*' -c unix_socket_directories=/tmp
