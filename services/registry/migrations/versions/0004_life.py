"""The dated life of enterprises: names, mergers, dispositions, and decisions on doubtful rows."""

from shared.platform.migrations import run_sql

revision = "0004"
down_revision = "0003"

TABLES = """
alter table enterprise add column merged_into uuid;
alter table enterprise add column cancelled_on date;
create index enterprise_merged on enterprise (merged_into) where merged_into is not null;
create table enterprise_former_name (enterprise_id uuid not null, name text not null,
    valid_to date not null, reason text not null, recorded_by text not null,
    recorded_at timestamptz not null, primary key (enterprise_id, valid_to));

create table merger (merger_id uuid primary key, survivor_id uuid not null, merged_id uuid not null,
    merged_on date not null, reason text not null, recorded_by text not null,
    recorded_at timestamptz not null, undone_on date, undone_reason text, undone_by text,
    undone_at timestamptz);
create unique index merger_open on merger (merged_id) where undone_at is null;
create index merger_survivor on merger (survivor_id);

create table disposition (disposition_id uuid primary key, enterprise_id uuid not null,
    kind text not null, disposed_on date not null, evidence text not null,
    state text not null default 'claimed', claimed_by text not null, institution_id uuid,
    claimed_at timestamptz not null, decided_by text, decided_at timestamptz, decision_reason text);
create unique index disposition_open on disposition (enterprise_id) where state = 'claimed';
create index disposition_by_enterprise on disposition (enterprise_id, claimed_at desc);
create index disposition_waiting on disposition (claimed_at) where state = 'claimed';

create table row_decision (import_id uuid not null, row_no int not null, decision text not null,
    enterprise_id uuid, corrections jsonb, reason text not null, decided_by text not null,
    decided_at timestamptz not null, primary key (import_id, row_no));
create index import_row_waiting on import_row (import_id, row_no) where outcome = 'doubtful';
"""


def upgrade() -> None:
    """Create the tables."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TABLES)
