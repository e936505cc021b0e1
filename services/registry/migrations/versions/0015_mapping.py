"""Which columns of a file a clerk has named by hand: title → field, as JSON; empty: none."""

from shared.platform.migrations import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add it."""
    run_sql("set local lock_timeout = '5s'")
    run_sql("alter table import add column mapping text not null default ''")
