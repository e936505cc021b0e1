"""Which enterprises are one with which others, told by the registry (R3).

`family_of`: an enterprise and those merged into it.
"""

from shared.platform.migrations import run_sql

revision = "0006"
down_revision = "0005"

TABLES = """
create table merger (merged_id uuid primary key, survivor_id uuid not null, merger_id uuid not null,
    merged_on date not null);
create index merger_by_survivor on merger (survivor_id);
create function family_of(id uuid) returns setof uuid language sql stable rows 2 as
    'select id union all select merged_id from merger where survivor_id = id';
"""


def upgrade() -> None:
    """Create it."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TABLES)
