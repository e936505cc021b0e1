"""Identity reads its own accounts where other services read their copy."""

from shared.platform.migrations import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """The list of revoked accounts says nothing that `account.active` does not."""
    run_sql(
        "drop table revoked;"
        " alter table account add column enterprise_id uuid;"
        " delete from consumer_offset where consumer = 'identity.access';"
        " delete from inbox where consumer = 'identity.access'"
    )
