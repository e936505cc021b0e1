"""The data catalogue: no column without a class, nothing kept longer than it says (M5)."""

from datetime import timedelta

import pytest

from shared.kernel.catalogue import CLASSES, tables
from shared.platform.retention import purge
from shared.platform.settings import SERVICES
from tests.support.stack import Stack

COLUMNS = (
    "select table_name, column_name from information_schema.columns where table_schema = 'public'"
)


@pytest.mark.parametrize("service", SERVICES)
async def test_M5_every_column_of_every_table_is_classified(
    whole_stack: Stack, service: str
) -> None:
    stored = {tuple(row) for row in await whole_stack.rows(service, COLUMNS)}
    named = {(t.name, column) for t in tables(service).values() for column in t.columns}
    shared = {(t, c) for t, c in named - stored if t in ("revoked", "approval")}
    assert stored - named == set()
    assert named - stored - shared == set()


@pytest.mark.parametrize("service", SERVICES)
def test_M5_a_table_names_each_column_once_and_how_long_it_is_kept(service: str) -> None:
    for table in tables(service).values():
        assert table.keep
        assert set(table.columns.values()) <= set(CLASSES)
        assert (table.days is None) == (table.by is None)
        assert table.by is None or table.by in table.columns


async def test_M5_what_is_past_its_time_is_deleted_and_the_rest_stays(whole_stack: Stack) -> None:
    await whole_stack.empty()
    async with whole_stack.database("registry").transaction() as tx:
        driver = await tx.driver()
        for days in (1, 6, 8, 400):
            at = tx.now - timedelta(days=days)
            await driver.execute(
                "insert into idempotency values ('p', 'r', $1, '', 200, '', $2)", str(days), at
            )
            await driver.execute(
                "insert into audit (at, actor, org, action, subject, trace)"
                " values ($1, 'a', 'platform', 'b', 'c', '')",
                at,
            )
    gone = await purge(whole_stack.database("registry"), "registry")
    assert gone["idempotency"] == 2
    kept = await whole_stack.rows("registry", "select key from idempotency order by key")
    assert [row["key"] for row in kept] == ["1", "6"]
    (audit,) = await whole_stack.rows("registry", "select count(*) from audit")
    assert audit[0] == 4
