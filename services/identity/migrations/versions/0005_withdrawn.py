"""A request for a second person may be withdrawn by its maker."""

from shared.platform.migrations import run_sql

revision = "0005"
down_revision = "0004"

WITHDRAWN = """
alter table approval drop constraint approval_state_check,
    add constraint approval_state_check check (state in ('open', 'approved', 'rejected', 'withdrawn'));
"""


def upgrade() -> None:
    """What is decided stays decided."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(WITHDRAWN)
