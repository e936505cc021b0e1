"""A plan keeps its proof: cost, bound and prices by city; where each capacity comes from."""

from alembic import op

from shared.platform.migrations import run_sql

revision = "0003"
down_revision = "0002"

PROOF = """
alter table plan_city add column cost text not null default '', add column bound text not null default '',
    add column prices jsonb not null default '{}';
alter table plan_load add column fewer_m int not null default 0, add column floor int not null default 0,
    add column ceiling int not null default 0, add column officers int not null default 0,
    add column capacity_source text not null default '';
"""


def upgrade() -> None:
    """Add the columns; plans from before have none of this."""
    op.execute("set local lock_timeout = '5s'")
    run_sql(PROOF)
