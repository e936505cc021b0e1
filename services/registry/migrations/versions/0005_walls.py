"""The audit trail knows its organisation and is chained; nobody can change it."""

from shared.platform.migrations import run_sql
from shared.platform.tables import AUDIT_UP

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the organisation, the links and the signed heads."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(AUDIT_UP)
