"""Housekeeping: what is past its time is deleted, table by table, as the data catalogue says."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.kernel.catalogue import tables
from shared.platform.database import Database
from shared.platform.logging import log

EVERY_SECONDS: Final = 3_600
BATCH: Final = 5_000

Chore = Callable[[Database, Any], Awaitable[int]]


async def purge(database: Database, service: str) -> dict[str, int]:
    """Delete rows past their time, in small transactions; table → how many."""
    gone: dict[str, int] = {}
    for table in tables(service).values():
        if table.days is None:
            continue
        statement = text(
            f"delete from {table.name} where ctid = any(array(select ctid from {table.name}"
            f" where {table.by} < yinqi_now() - make_interval(days => :days) and {table.only}"
            " limit :batch))"
        )
        count = BATCH
        while count == BATCH:
            async with database.transaction() as tx:
                done = await tx.connection.execute(statement, {"days": table.days, "batch": BATCH})
                count = int(done.rowcount)
            gone[table.name] = gone.get(table.name, 0) + count
    return gone


async def keep_house(
    database: Database, service: str, settings: Any, chores: Sequence[Chore]
) -> None:
    """Do it every hour, and the service's own chores, until cancelled."""
    while True:
        try:
            gone = await purge(database, service)
            for chore in chores:
                gone[chore.__name__] = await chore(database, settings)
            if any(gone.values()):
                log().info("retention.purged", **gone)
        except (OSError, DBAPIError) as error:
            log().warning("retention.later", kind=type(error).__name__)
        await asyncio.sleep(EVERY_SECONDS)


async def forget_answers(driver: Any, subjects: Sequence[object]) -> None:
    """Empty the answers kept for repeats that speak of these subjects: they quote what was written.

    The key stays: a repeat still does nothing twice. The caller has to be beyond the walls.
    """
    await driver.execute(
        "update idempotency set body = '{}' where exists (select from unnest($1::text[]) as id"
        " where position(convert_to(id, 'UTF8') in body) > 0)",
        [str(subject) for subject in subjects],
    )
