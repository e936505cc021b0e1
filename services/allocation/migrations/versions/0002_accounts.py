"""The copy of the accounts: role and place are read here, no longer from the token."""

from shared.platform.accounts import ACCOUNTS_UP
from shared.platform.migrations import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create it empty; its consumer reads identity's events again from the first."""
    run_sql(ACCOUNTS_UP)
