"""A copy of what a second person agreed to, and the day on which a campaign ended."""

from shared.platform.approvals import APPROVALS_UP
from shared.platform.migrations import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Filled by events of identity and allocation."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(APPROVALS_UP)
    run_sql("alter table campaign add column closed_on date")
