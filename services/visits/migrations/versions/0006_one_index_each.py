"""What looks for one visit or one photo finds it by the index that is made for it.

A plan made while a table was new is kept for minutes. Where two indexes could serve, it took the
one that must be walked whole: each visit was then slower than the one before.
"""

from shared.platform.migrations import run_sql

revision = "0006"
down_revision = "0005"

# A visit's id stands in one index only.
VISIT_OF_INSTITUTION = """
drop index visit_of_institution;
create index visit_of_institution on visit (institution_id, visited_on);
"""

# The condition on the visit is written so that the index of photos with a visit cannot serve it.
PHOTO_SERVED = """
create or replace function photo_served(sha256 bytea, except_visit uuid) returns boolean
  language sql stable set "yinqi.reach" = 'system' as
  'select exists (select from photo
     where original_sha256 = sha256 and coalesce(visit_id <> except_visit, false))';
"""


def upgrade() -> None:
    """Put the index and the question anew."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(VISIT_OF_INSTITUTION)
    run_sql(PHOTO_SERVED)
