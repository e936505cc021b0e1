"""Identity's own tables, as the migrations make them."""

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

SESSIONS = """
alter table account drop column failures, drop column locked_until,
    add column version int not null default 1;
create table attempt (name_hash bytea primary key, failures int not null,
    locked_until timestamptz, at timestamptz not null);
create index attempt_at on attempt (at);

create table session (
    session_id uuid primary key, token_hash bytea not null unique, family uuid not null,
    account_id uuid not null references account, method text not null,
    created_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(), ended_at timestamptz);
create index session_account on session (account_id);
create index session_family on session (family);
create index session_ended on session (ended_at) where ended_at is not null;
create index refresh_account on refresh (account_id);

create table factor (account_id uuid primary key references account, secret bytea not null,
    confirmed boolean not null default false, last_step bigint not null default 0);
create table recovery_code (account_id uuid not null references account, code_hash bytea not null,
    used_at timestamptz, primary key (account_id, code_hash));

alter table client alter column secret_hash drop not null, add column jwks jsonb,
    add column certificates text[] not null default '{}';
create table assertion (client_id text not null, jti_hash bytea not null,
    expires_at timestamptz not null, primary key (client_id, jti_hash));
create index assertion_expires on assertion (expires_at);

create table flow (state_hash bytea primary key, kind text not null, browser_hash bytea not null,
    nonce text not null, verifier text not null, next text not null,
    expires_at timestamptz not null);
create table wechat_binding (account_id uuid primary key references account,
    openid text not null unique, unionid text, bound_at timestamptz not null);
create table wechat_code (code_hash bytea primary key, account_id uuid not null references account,
    issued_by text not null, expires_at timestamptz not null, used_at timestamptz);
create index wechat_code_account on wechat_code (account_id);
create table wechat_visitor (ticket_hash bytea primary key, openid text not null, unionid text,
    expires_at timestamptz not null);
create table wechat_key (kind text primary key, sealed bytea not null,
    expires_at timestamptz not null);

create table approval (
    approval_id uuid primary key, action text not null, subject text not null,
    summary text not null, payload jsonb not null, payload_sha256 text not null,
    requested_by uuid not null references account, institution_id uuid,
    requested_at timestamptz not null, expires_at timestamptz not null,
    state text not null default 'open' check (state in ('open', 'approved', 'rejected')),
    decided_by uuid references account, decided_at timestamptz, reason text not null default '',
    check (decided_by is distinct from requested_by));
create index approval_open on approval (requested_at) where state = 'open';
create index approval_requested on approval (requested_at, approval_id);
"""
"""Sessions, second factor, machine keys, foreign sign-in, approvals. Times here are real ones."""
