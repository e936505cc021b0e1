"""A service's copy of which enterprises are one, told by the registry (R3)."""

from collections.abc import Sequence

from shared.contracts.registry import EnterprisesMerged, EnterprisesUnmerged
from shared.platform.database import Transaction

MERGERS_UP = """
create table merger (merged_id uuid primary key, survivor_id uuid not null, merger_id uuid not null,
    merged_on date not null);
create index merger_by_survivor on merger (survivor_id);
"""
"""The copy; a migration of a service that asks for any makes it."""

FAMILY_UP = """
create function family_of(id uuid) returns setof uuid language sql stable rows 2 as
    'select id union all select merged_id from merger where survivor_id = id';
"""
"""`family_of`: an enterprise and those merged into it."""


async def save_mergers(
    events: Sequence[EnterprisesMerged | EnterprisesUnmerged], tx: Transaction
) -> None:
    """Keep who counts under whom now; one that was taken back never held (R3).

    Both of the two are told; only the word to the merged one is kept, for its order is one.
    """
    last = {e.merged_id: e for e in events if e.enterprise_id == e.merged_id}
    driver = await tx.driver()
    await driver.execute("delete from merger where merged_id = any($1::uuid[])", list(last))
    rows = [
        (e.merged_id, e.survivor_id, e.merger_id, e.merged_on)
        for e in last.values()
        if isinstance(e, EnterprisesMerged)
    ]
    await driver.executemany("insert into merger values ($1, $2, $3, $4)", rows)
