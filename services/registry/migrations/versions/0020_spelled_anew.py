"""All names are spelled anew: former names, single characters and two initials are found, too."""

from shared.platform.migrations import run_sql

revision = "0020"
down_revision = "0019"

ANEW = """
update enterprise_name set spelled_name = '' where spelled_name <> '';
insert into job (job_id, kind, params, created_at)
    select gen_random_uuid(), 'spell', '{}', now() where exists (select from enterprise_name);
"""


def upgrade() -> None:
    """Ask for it; until the worker is through, names are found as before."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(ANEW)
