"""Many rows in one statement: what COPY would do, which may not write under row-level security."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

import asyncpg

BATCH: Final = 5_000
_STATEMENTS: Final[dict[tuple[str, tuple[str, ...]], tuple[str, tuple[int, ...]]]] = {}


async def insert_rows(
    driver: asyncpg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Put new rows into a table, some thousands at a time; they may be made as they are sent."""
    names = tuple(columns)
    coming = iter(rows)
    while batch := list(islice(coming, BATCH)):
        known = _STATEMENTS.get((table, names))
        if known is None:
            known = _STATEMENTS[table, names] = await _statement(driver, table, names)
        sql, arrays = known
        sent = [list(column) for column in zip(*batch, strict=True)]
        for place in arrays:
            sent[place] = [_literal(value) for value in sent[place]]
        await driver.execute(sql, *sent)


async def _statement(
    driver: asyncpg.Connection, table: str, names: tuple[str, ...]
) -> tuple[str, tuple[int, ...]]:
    """The statement, and which columns are arrays: those travel as text, unnest takes no others."""
    listed = ", ".join(names)
    prepared = await driver.prepare(f"select {listed} from {table}")
    kinds = [attribute.type.name for attribute in prepared.get_attributes()]
    arrays = tuple(place for place, kind in enumerate(kinds) if kind.endswith("[]"))
    sent = ["text" if place in arrays else kind for place, kind in enumerate(kinds)]
    parameters = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(sent, 1))
    given = ", ".join(f"{n}::{k}" for n, k in zip(names, kinds, strict=True))
    source = f"unnest({parameters}) as r ({listed})"
    return f"insert into {table} ({listed}) select {given} from {source}", arrays


def _literal(value: Sequence[Any] | None) -> str | None:
    return None if value is None else "{" + ",".join(map(str, value)) + "}"
