"""Which enterprises are one with which others, told by the registry (R3)."""

from shared.platform.migrations import run_sql

revision = "0007"
down_revision = "0006"

TABLES = """
create table merger (merged_id uuid primary key, survivor_id uuid not null, merger_id uuid not null,
    merged_on date not null);
create index merger_by_survivor on merger (survivor_id);
"""


def upgrade() -> None:
    """Create it."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TABLES)
