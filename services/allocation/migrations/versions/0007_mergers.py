"""Which enterprises are one with which others, told by the registry (R3)."""

from shared.platform.mergers import MERGERS_UP
from shared.platform.migrations import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the copy."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(MERGERS_UP)
