#!/bin/sh
# Runs once, when the database container makes its data folder: one database and two logins per
# service (its owner, and the reader of its event log), none may open another's database.
set -eu
admin() { psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U "$POSTGRES_USER" "$@"; }

admin -d postgres -c 'revoke connect on database postgres, template1 from public'
for service in identity registry allocation visits credit reporting; do
  owner=$(cat "/run/secrets/${service}_password")
  reader=$(cat "/run/secrets/${service}_log_password")
  admin -d postgres -v name="$service" -v log="${service}_log" -v owner="$owner" -v reader="$reader" <<'SQL'
create role :"name" login password :'owner';
create role :"log" login password :'reader';
alter role :"log" set default_transaction_read_only = on;
create database :"name" owner :"name" template template0 encoding 'UTF8' locale 'C.UTF-8';
revoke all on database :"name" from public;
grant connect on database :"name" to :"log";
SQL
  admin -d "$service" -c 'create extension pg_trgm' -c 'create extension btree_gist'
done
