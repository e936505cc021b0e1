"""All headers of the sheet that was read: from them a clerk corrects which column is which."""

from shared.platform.migrations import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add them."""
    run_sql("set local lock_timeout = '5s'")
    run_sql("alter table import add column headers jsonb")
