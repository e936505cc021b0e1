"""Facts: written as they are learnt, read back whole for the enterprises that are folded again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import asyncpg

from services.reporting.domain.facts import Fact, Learnt

_US: Final = "(extract(epoch from known_at) * 1000000)::bigint"
_OF: Final = f"""
select uuid_send(ent) as ent, {_US} as known_us, cause, type, business_on - date '0001-01-01' + 1
    as day, uuid_send(ref) as ref, uuid_send(parent) as parent,
    uuid_send(institution) as institution, uuid_send(outlet) as outlet,
    uuid_send(campaign) as campaign, county, fen, flags
from fact where ent = any($1::uuid[]) order by ent, known_at, cause
"""
_ADD: Final = """
insert into fact (ent, event_id, recorded_at, known_at, cause, type, business_on, ref, parent,
    institution, outlet, campaign, county, fen, flags, actor)
select ent, event_id, timestamptz 'epoch' + recorded_us * interval '1 microsecond',
    timestamptz 'epoch' + known_us * interval '1 microsecond', cause, type,
    date '0001-01-01' + (day - 1), ref, parent, institution, outlet, campaign, county, fen, flags,
    actor
from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::smallint[],
    $7::int[], $8::uuid[], $9::uuid[], $10::uuid[], $11::uuid[], $12::uuid[], $13::int[],
    $14::bigint[], $15::smallint[], $16::uuid[])
  as r (ent, event_id, recorded_us, known_us, cause, type, day, ref, parent, institution, outlet,
    campaign, county, fen, flags, actor)
"""
_IDS: Final = (7, 8, 9, 10, 11, 15)


async def add(connection: asyncpg.Connection, learnt: Iterable[Learnt]) -> None:
    """Keep new facts."""
    rows = [
        (one.enterprise.hex(), one.event_id.hex(), one.recorded_us, *one.fact, one.actor)
        for one in learnt
    ]
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        for place in _IDS:
            columns[place] = [each.hex() if each else None for each in columns[place]]
        await connection.execute(_ADD, *columns)


async def of(
    connection: asyncpg.Connection, enterprises: Collection[bytes]
) -> dict[bytes, list[Fact]]:
    """All facts of some enterprises, each in knowledge order."""
    found: dict[bytes, list[Fact]] = {}
    for row in await connection.fetch(_OF, [each.hex() for each in enterprises]):
        found.setdefault(row[0], []).append(Fact(*row[1:]))
    return found


async def hold(connection: asyncpg.Connection, parts: Collection[int]) -> None:
    """Wait for others at work on the same partitions: an enterprise is folded by one at a time."""
    await connection.execute(
        "select pg_advisory_xact_lock(4001, part) from unnest($1::int[]) as part", sorted(parts)
    )
