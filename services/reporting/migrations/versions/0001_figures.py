"""Facts, signed rows, their roll-up, labels and editions of bulletins."""

from alembic import op

from services.reporting.store.tables import everything
from shared.platform.migrations import run_sql
from shared.platform.tables import PLATFORM_UP

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for script in (PLATFORM_UP, *everything()):
        run_sql(script)
