"""Facts: written as they are learnt, read back whole for the enterprises that are folded again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import asyncpg

from services.reporting.domain.facts import MERGED, UNMERGED, Fact, Learnt
from services.reporting.store.copying import copy, fact_row

_US: Final = "(extract(epoch from known_at) * 1000000)::bigint"
_OF: Final = f"""
select uuid_send(ent) as ent, {_US} as known_us, cause, type, business_on - date '0001-01-01' + 1
    as day, uuid_send(ref) as ref, uuid_send(parent) as parent,
    uuid_send(institution) as institution, uuid_send(outlet) as outlet,
    uuid_send(campaign) as campaign, county, fen, flags
from fact{{suffix}} where ent = any($1::uuid[]) order by ent, known_at, cause
"""


_MERGERS: Final = f"""
select distinct uuid_send(ent), uuid_send(parent) from fact where type in ({MERGED}, {UNMERGED})
"""


async def add(connection: asyncpg.Connection, learnt: Iterable[Learnt]) -> None:
    """Keep new facts."""
    await copy(connection, "fact", map(fact_row, learnt))


async def of(
    connection: asyncpg.Connection, enterprises: Collection[bytes], suffix: str = ""
) -> dict[bytes, list[Fact]]:
    """All facts of some enterprises, each in knowledge order; of a rebuild under its suffix."""
    found: dict[bytes, list[Fact]] = {}
    for row in await connection.fetch(
        _OF.format(suffix=suffix), [each.hex() for each in enterprises]
    ):
        found.setdefault(row[0], []).append(Fact(*row[1:]))
    return found


async def mergers(connection: asyncpg.Connection) -> list[tuple[bytes, bytes]]:
    """All pairs of enterprises between which a merger was ever told."""
    return [(row[0], row[1]) for row in await connection.fetch(_MERGERS)]


async def hold(connection: asyncpg.Connection, parts: Collection[int]) -> None:
    """Wait for others at work on the same partitions: an enterprise is folded by one at a time."""
    await connection.execute(
        "select pg_advisory_xact_lock(4001, part) from unnest($1::int[]) as part", sorted(parts)
    )
