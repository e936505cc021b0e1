"""Identity's own tables."""

OWN_TABLES = """
create table account (
    account_id uuid primary key, username text not null unique, role text not null,
    institution_id uuid, outlet_id uuid, staff_id uuid, region_code text,
    active boolean not null default true, password_hash text,
    activation_hash bytea, activation_until timestamptz,
    failures int not null default 0, locked_until timestamptz, created_at timestamptz not null);
create index account_institution on account (institution_id);
create table client (
    client_id text primary key, account_id uuid not null unique references account,
    name text not null, secret_hash bytea not null, created_at timestamptz not null);
create table refresh (
    token_hash bytea primary key, family uuid not null, account_id uuid not null references account,
    expires_at timestamptz not null, used_at timestamptz, ended boolean not null default false);
create index refresh_family on refresh (family);
"""
