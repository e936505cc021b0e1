"""One index of enterprises by their code: it makes it unique and answers the counts of a search."""

from shared.platform.migrations import run_sql

revision = "0018"
down_revision = "0017"

BY_CODE = """
alter table enterprise drop constraint enterprise_uscc_key;
drop index enterprise_by_code;
create unique index enterprise_by_code
    on enterprise (uscc) include (region_code, industry_code, has_loan);
"""


def upgrade() -> None:
    """Put one in the place of two."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(BY_CODE)
