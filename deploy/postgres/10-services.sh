#!/bin/sh
# Runs once, when the database container makes its data folder: one database and three logins per
# service (its owner for migrations, the service itself, and the reader of its event log); none may
# open another's database. The same is made for the embedded run by embedded/databases.py.
set -eu
admin() { psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U "$POSTGRES_USER" "$@"; }

admin -d postgres -c 'revoke connect on database postgres, template1 from public'
for service in identity registry allocation visits credit reporting; do
  owner=$(cat "/run/secrets/${service}_owner_password")
  login=$(cat "/run/secrets/${service}_password")
  reader=$(cat "/run/secrets/${service}_log_password")
  admin -d postgres -v name="$service" -v own="${service}_owner" -v log="${service}_log" \
    -v owner="$owner" -v login="$login" -v reader="$reader" <<'SQL'
create role :"own" login nosuperuser nobypassrls password :'owner';
create role :"name" login nosuperuser nobypassrls password :'login';
create role :"log" login nosuperuser nobypassrls password :'reader';
grant set on parameter "yinqi.reach" to :"own";
alter role :"log" set default_transaction_read_only = on;
create database :"name" owner :"own" template template0 encoding 'UTF8' locale 'C.UTF-8';
revoke all on database :"name" from public;
grant connect, temporary on database :"name" to :"name";
grant connect on database :"name" to :"log";
SQL
  admin -d "$service" -c 'create extension pg_trgm' -c 'create extension btree_gist' \
    -c 'alter function textlike(text, text) leakproof'
done
