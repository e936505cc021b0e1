"""Names of before are found too: what was renamed is spelled anew by the next job that spells."""

from shared.platform.migrations import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Mark them."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(
        "update enterprise_name set spelled_name = '' where enterprise_id in"
        " (select enterprise_id from enterprise_former_name)"
    )
