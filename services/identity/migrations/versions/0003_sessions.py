"""Sessions, second factors, machine keys, sign-in elsewhere, approvals."""

from services.identity.store.tables import SESSIONS
from shared.platform.migrations import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what sign-in needs beyond a password."""
    run_sql(SESSIONS)
