"""Which enterprises are one with which others, told by the registry (R3)."""

from shared.platform.mergers import FAMILY_UP, MERGERS_UP
from shared.platform.migrations import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the copy."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(MERGERS_UP + FAMILY_UP)
