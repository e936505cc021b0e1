"""Facts: written as they are learnt, read back whole for the enterprises that are folded again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg

from services.reporting.domain.facts import Fact, Learnt
from services.reporting.store.copying import id_texts

#: Columns in the order of `Fact`: ids as bytes, instants and days as numbers.
_FACT: Final = """
(extract(epoch from known_at) * 1000000)::bigint, cause, type, business_on - date '0001-01-01' + 1,
uuid_send(ref), uuid_send(parent), uuid_send(institution), uuid_send(outlet), uuid_send(campaign),
county, fen, flags
"""
#: The new ones are not among those read: a statement does not see what it writes.
_LEARN: Final = f"""
with new as (
  insert into fact (ent, event_id, recorded_at, actor, known_at, cause, type, business_on, ref,
    parent, institution, outlet, campaign, county, fen, flags)
  select ent, event_id, timestamptz 'epoch' + recorded_us * interval '1 microsecond', actor,
    timestamptz 'epoch' + known_us * interval '1 microsecond', cause, type,
    date '0001-01-01' - 1 + day, ref, parent, institution, outlet, campaign, county, fen, flags
  from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::bigint[], $6::bigint[],
    $7::smallint[], $8::int[], $9::uuid[], $10::uuid[], $11::uuid[], $12::uuid[], $13::uuid[],
    $14::int[], $15::bigint[], $16::smallint[])
  as u (ent, event_id, recorded_us, actor, known_us, cause, type, day, ref, parent, institution,
    outlet, campaign, county, fen, flags)
)
select uuid_send(ent), {_FACT} from fact where ent = any($1::uuid[])
"""


async def learn(connection: asyncpg.Connection, new: Sequence[Learnt]) -> dict[bytes, list[Fact]]:
    """Keep new facts. Returns: all facts of their enterprises, each in knowledge order."""
    facts: dict[bytes, list[Fact]] = {}
    for one in new:
        facts.setdefault(one.enterprise, []).append(one.fact)
    for row in await connection.fetch(_LEARN, *_columns(new)):
        facts[row[0]].append(Fact(*row[1:]))
    for each in facts.values():
        each.sort()  # (known_us, cause) come first and are unique
    return facts


def _columns(new: Sequence[Learnt]) -> list[list[object]]:
    fact = [list(column) for column in zip(*(one.fact for one in new), strict=True)]
    known, cause, kind, day, ref, parent, institution, outlet, campaign, county, fen, flags = fact
    return [
        id_texts(one.enterprise for one in new),
        id_texts(one.event_id for one in new),
        [one.recorded_us for one in new],
        id_texts(one.actor for one in new),
        known, cause, kind, day,
        *map(id_texts, (ref, parent, institution, outlet, campaign)),
        county, fen, flags,
    ]  # fmt: skip
