"""The audit trail knows its organisation and is chained; questions that reach past the walls."""

from shared.platform.migrations import run_sql
from shared.platform.tables import AUDIT_UP

revision = "0005"
down_revision = "0004"

# Judging a team asks whose the named people are, at other banks too; only these are told.
ROSTER_OF = """
create function roster_of(ids uuid[]) returns setof roster language sql stable
  set "yinqi.reach" = 'system' as 'select * from roster where staff_id = any(ids)';
"""


def upgrade() -> None:
    """Add the organisation, the links and the signed heads."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(AUDIT_UP)
    run_sql(ROSTER_OF)
