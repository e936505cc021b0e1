"""The tables every service stands on, created by the first migration of each.

outbox → event_log: a deciding transaction writes its events to `outbox`; the relay moves them to
`event_log`, which is kept for ever, with dense offsets per partition and the knowledge time `at`.
consumer_offset + inbox: position and per-key sequence of a consumer, in the transaction of the
effect.

Why no event is lost or reordered: `stream` has one row per key. A transaction takes that row's lock
before it draws an outbox id, and ids come from a sequence without cache. So for two events of a key
the earlier one has the lower id and was committed before the later one could be written; the relay
takes visible rows in id order and removes exactly those. What is not sent is state, never a cursor.
"""

from shared.contracts.event import PARTITIONS

PLATFORM_UP = f"""
create table platform_clock (only_row boolean primary key default true check (only_row),
    shift interval not null default interval '0');
insert into platform_clock default values;
create function yinqi_now() returns timestamptz language sql volatile as
    'select clock_timestamp() + (select shift from platform_clock)';

create table stream (key text primary key, seq bigint not null);
create table outbox (id bigint generated always as identity primary key, event_id uuid not null,
    key text not null, seq bigint not null, type text not null, part smallint not null,
    payload bytea not null);
create table log_head (part smallint primary key, next_off bigint not null default 0,
    published_off bigint not null default 0, at timestamptz not null default '-infinity');
insert into log_head (part) select generate_series(0, {PARTITIONS - 1});
create table event_log (part smallint not null, off bigint not null, event_id uuid not null,
    key text not null, seq bigint not null, type text not null, payload bytea not null,
    at timestamptz not null, primary key (part, off));

create table consumer_offset (consumer text not null, topic text not null, part smallint not null,
    next_off bigint not null default 0, position bigint not null default 0,
    updated_at timestamptz not null default now(), primary key (consumer, topic, part));
create table inbox (consumer text not null, topic text not null, key text not null,
    seq bigint not null, parked boolean not null default false, primary key (consumer, topic, key));
create table parked (consumer text not null, topic text not null, part smallint not null,
    off bigint not null, key text not null, seq bigint not null, payload bytea not null,
    known_at timestamptz not null, error text not null, attempts int not null default 1,
    parked_at timestamptz not null default now(), primary key (consumer, topic, part, off));

create table idempotency (principal text not null, route text not null, key text not null,
    body_hash bytea not null, status smallint not null, body bytea not null,
    at timestamptz not null, primary key (principal, route, key));
create table audit (id bigint generated always as identity primary key, at timestamptz not null,
    actor text not null, action text not null, subject text not null, before jsonb, after jsonb,
    trace text not null);
create table revoked (account_id uuid primary key, at timestamptz not null);
create table job (job_id uuid primary key, kind text not null, params jsonb not null,
    state text not null default 'queued', progress real not null default 0,
    stage text not null default '', result jsonb, error text, attempts int not null default 0,
    owner text not null default '', started_by text not null default '',
    created_at timestamptz not null, beat_at timestamptz);
create index job_open on job (created_at) where state in ('queued', 'running');
"""

# The trail is only ever added to: `audit` by the deciding transaction, `audit_link` by the relay,
# which chains committed lines per organisation, `audit_head` by the same, signed. See audit.py.
AUDIT_UP = """
alter table audit add column org text not null default 'platform';
alter table audit alter column org drop default;
create index audit_of_org on audit (org, id);
create index audit_of_subject on audit (subject, id);
create table audit_link (org text not null, n bigint not null, audit_id bigint not null unique,
    prev bytea not null, hash bytea not null, primary key (org, n));
create table audit_head (id bigint generated always as identity primary key,
    at timestamptz not null, record text not null);
create function audit_stands() returns trigger language plpgsql as $$ begin
    raise exception 'the audit trail is never changed or removed'
        using errcode = 'restrict_violation';
end $$;
create trigger audit_stands before update or delete or truncate on audit
    for each statement execute function audit_stands();
create trigger audit_stands before update or delete or truncate on audit_link
    for each statement execute function audit_stands();
create trigger audit_stands before update or delete or truncate on audit_head
    for each statement execute function audit_stands();
"""
