"""Accounts, machine clients and refresh families, on the platform's tables."""

from alembic import op

from services.identity.store.tables import OWN_TABLES
from shared.platform.migrations import run_sql
from shared.platform.tables import PLATFORM_UP

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    op.execute("set local lock_timeout = '5s'")
    run_sql(PLATFORM_UP)
    run_sql(OWN_TABLES)
