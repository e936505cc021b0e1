"""The datum a point came in, beside the point, which is kept in WGS-84 (R8)."""

from shared.platform.migrations import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add it; what is there came in WGS-84."""
    run_sql("set local lock_timeout = '5s'")
    for table in ("enterprise", "enterprise_slice", "outlet"):
        run_sql(f"alter table {table} add column datum text not null default 'WGS-84'")
