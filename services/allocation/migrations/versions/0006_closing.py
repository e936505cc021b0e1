"""A campaign may end; a copy of what a second person agreed to."""

from shared.platform.approvals import APPROVALS_UP
from shared.platform.migrations import run_sql

revision = "0006"
down_revision = "0005"

CLOSED = """
alter table campaign add column closed_on date, add column closed_by uuid,
    add column close_reason text, drop constraint campaign_state_check,
    add constraint campaign_state_check check (state in ('enrolling', 'open', 'closed')),
    add constraint campaign_closed_whole check ((state = 'closed') = (closed_on is not null));
"""


def upgrade() -> None:
    """Campaigns that run stay so."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(CLOSED)
    run_sql(APPROVALS_UP)
