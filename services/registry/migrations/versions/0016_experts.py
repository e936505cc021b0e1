"""The names of experts lie in the vault, as those of other persons do."""

from typing import Any

from alembic import op
from sqlalchemy.util import await_only

from services.registry.store.persons import Person, Subject, copy_in, keyring
from shared.platform.migrations import run_sql

revision = "0016"
down_revision = "0015"

LATEST = """
select distinct on (party_id) party_id, s.name from party p join party_slice s using (party_id)
where p.kind = 'expert' and s.name <> '' order by party_id, s.valid_from desc
"""


def upgrade() -> None:
    """Seal the latest name of each, and forget it where it lay open."""
    run_sql("set local lock_timeout = '5s'")
    driver: Any = op.get_bind().connection.driver_connection
    experts = [Subject(row[0], "party", Person(row[1])) for row in await_only(driver.fetch(LATEST))]
    if experts:
        await_only(copy_in(driver, keyring(), experts))
    run_sql(
        "update party_slice s set name = '' from party p"
        " where p.party_id = s.party_id and p.kind = 'expert'"
    )
