"""Which lists campaigns stand on, and since when an enterprise has loans, by whose word."""

from shared.platform.migrations import run_sql

revision = "0012"
down_revision = "0011"

TABLES = """
create table list_pin (campaign_id uuid primary key, list_vintage text not null,
    pinned_at timestamptz not null);
create index list_pin_by_vintage on list_pin (list_vintage);

-- has_loan null: no longer known. source: bank (its answer) or loan (its bookings); lists state
-- theirs in list_member.
create table loan_statement (enterprise_id uuid not null, as_of date not null,
    source text not null, has_loan boolean, institution_id uuid, recorded_at timestamptz not null,
    primary key (enterprise_id, as_of, source));
-- An enterprise's lists are asked for one by one: its file, its facts, its times on the list.
create index list_member_by_enterprise on list_member (enterprise_id);
create table loan_balance (enterprise_id uuid primary key, fen bigint not null);
"""


def upgrade() -> None:
    """Create them."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TABLES)
