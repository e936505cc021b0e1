"""A copy of what a second person agreed to."""

from shared.platform.approvals import APPROVALS_UP
from shared.platform.migrations import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Filled by identity's events."""
    run_sql(APPROVALS_UP)
