"""Many rows at once through the driver: in, and look-ups by array."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from shared.platform.bulk import insert_rows
from shared.platform.database import Transaction


async def add(
    tx: Transaction, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Put new rows into a table."""
    await insert_rows(await tx.driver(), table, columns, rows)


async def fetch(tx: Transaction, sql: str, *args: Any) -> list[asyncpg.Record]:
    """Rows of a query with `$1` parameters."""
    driver = await tx.driver()
    return await driver.fetch(sql, *args)


async def execute(tx: Transaction, sql: str, *args: Any) -> str:
    """Run a statement with `$1` parameters."""
    driver = await tx.driver()
    return await driver.execute(sql, *args)


async def change_rows(
    tx: Transaction,
    table: str,
    key: str,
    types: dict[str, str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Update rows by key; `types` names the columns with their types, the key first."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    if not columns:
        return
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(types.values(), 1))
    names = ", ".join(types)
    sets = ", ".join(f"{name} = n.{name}" for name in types if name != key)
    await execute(
        tx,
        f"update {table} as t set {sets} from unnest({arrays}) as n({names})"
        f" where t.{key} = n.{key}",
        *columns,
    )


async def known_ids(tx: Transaction, table: str, key: str, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that are in the table."""
    rows = await fetch(tx, f"select {key} from {table} where {key} = any($1::uuid[])", list(ids))
    return {row[0] for row in rows}
