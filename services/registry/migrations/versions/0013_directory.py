"""Parties of every kind in dated slices, regions that changed, years of the working calendar."""

from shared.platform.migrations import run_sql

revision = "0013"
down_revision = "0012"

TABLES = """
-- Groups, banks, branches, outlets; guarantors, experts, partners, bureaus, departments, parks: one
-- mechanism. A slice holds from its day until the next one's; active false: it is gone.
create table party (party_id uuid primary key, kind text not null, code text not null,
    unique (kind, code));
create table party_slice (party_id uuid not null, valid_from date not null, name text not null,
    parent_id uuid, region_code text, details jsonb not null, active boolean not null,
    reason text not null, recorded_at timestamptz not null, recorded_by text not null,
    primary key (party_id, valid_from));
create index party_slice_by_parent on party_slice (parent_id);

create table region_move (move_id uuid primary key, from_code text not null, to_code text not null,
    townships text[], valid_from date not null, reason text not null, job_id uuid not null,
    recorded_at timestamptz not null, recorded_by text not null, moved int, left_alone int);

create table calendar_year (year int primary key, provisional boolean not null,
    days_off date[] not null, days_worked date[] not null, recorded_at timestamptz not null,
    recorded_by text not null);
"""


def upgrade() -> None:
    """Create them."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TABLES)
