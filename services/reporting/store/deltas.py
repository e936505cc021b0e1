"""Signed rows and their roll-up: written together, so that the roll-up is always their sum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from services.reporting.domain.fold import Row
from services.reporting.store.copying import day_of, uuid_of


class OwnRow(NamedTuple):
    """A signed row with its enterprise and campaign."""

    enterprise: bytes
    campaign: bytes
    row: Row


#: campaign, first day of the month, kind, institution, county
_Key = tuple[UUID, object, int, UUID | None, int]

_DROP: Final = """
with gone as (
  delete from delta d using unnest($1::uuid[], $2::bigint[]) as s (ent, since_us)
  where d.ent = s.ent
    and d.known_at >= timestamptz 'epoch' + s.since_us * interval '1 microsecond'
  returning d.campaign, date_trunc('month', d.business_on)::date as month, d.kind,
    d.institution, d.county, d.n, d.fen
)
select campaign, month, kind, institution, county, sum(n)::bigint as n, sum(fen)::bigint as fen
from gone group by 1, 2, 3, 4, 5
"""
_ADD: Final = """
insert into delta (ent, campaign, known_at, cause, kind, business_on, county, n, fen, institution,
    outlet)
select ent, campaign, timestamptz 'epoch' + known_us * interval '1 microsecond', cause, kind,
    date '0001-01-01' + (day - 1), county, n, fen, institution, outlet
from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::smallint[], $6::int[],
    $7::int[], $8::int[], $9::bigint[], $10::uuid[], $11::uuid[])
  as r (ent, campaign, known_us, cause, kind, day, county, n, fen, institution, outlet)
"""
_ROLL_UP: Final = """
with kept as (
  insert into delta_month as m (campaign, month, kind, institution, county, n, fen)
  select * from unnest($1::uuid[], $2::date[], $3::smallint[], $4::uuid[], $5::int[], $6::int[],
      $7::bigint[])
  on conflict (campaign, month, kind, institution, county)
  do update set n = m.n + excluded.n, fen = m.fen + excluded.fen
  returning m.*
)
select campaign, month, kind, institution, county from kept where n = 0 and fen = 0
"""
_TIDY: Final = """
delete from delta_month where campaign = $1 and month = $2 and kind = $3
    and institution is not distinct from $4 and county = $5
"""
#: The roll-up as a whole, from rows under a suffix.
ROLL_UP_ALL: Final = """
insert into delta_month{suffix} (campaign, month, kind, institution, county, n, fen)
select campaign, date_trunc('month', business_on)::date, kind, institution, county, sum(n), sum(fen)
from delta{suffix} group by 1, 2, 3, 4, 5 having sum(n) <> 0 or sum(fen) <> 0
"""


async def replace(
    connection: asyncpg.Connection, since_us: Mapping[bytes, int], rows: Iterable[OwnRow]
) -> None:
    """Put new rows in the place of all rows of these enterprises known from an instant on."""
    change: dict[_Key, list[int]] = defaultdict(lambda: [0, 0])
    names, instants = [each.hex() for each in since_us], list(since_us.values())
    for gone in await connection.fetch(_DROP, names, instants):
        key = (gone["campaign"], gone["month"], gone["kind"], gone["institution"], gone["county"])
        change[key][0] -= gone["n"]
        change[key][1] -= gone["fen"]
    added: list[tuple[object, ...]] = []
    for enterprise, campaign, row in rows:
        bank, outlet = (each.hex() if each else None for each in (row.institution, row.outlet))
        added.append((
            enterprise.hex(), campaign.hex(), row.known_us, row.cause, row.kind, row.day,
            row.county, row.n, row.fen, bank, outlet,
        ))  # fmt: skip
        sums = change[
            UUID(bytes=campaign),
            day_of(row.day).replace(day=1),
            row.kind,
            uuid_of(row.institution),
            row.county,
        ]
        sums[0] += row.n
        sums[1] += row.fen
    if added:
        await connection.execute(_ADD, *map(list, zip(*added, strict=True)))
    await _roll_up(connection, change)


async def _roll_up(connection: asyncpg.Connection, change: Mapping[_Key, list[int]]) -> None:
    # One order for all writers: two of them never wait for each other in a circle.
    ordered = sorted(
        ((key, sums) for key, sums in change.items() if sums[0] or sums[1]),
        key=lambda item: (str(item[0][0]), *map(str, item[0][1:])),
    )
    if not ordered:
        return
    columns = [list(column) for column in zip(*(key for key, _ in ordered), strict=True)]
    sums = [[each[0] for _, each in ordered], [each[1] for _, each in ordered]]
    nothing_left = await connection.fetch(_ROLL_UP, *columns, *sums)
    if nothing_left:
        await connection.executemany(_TIDY, [tuple(row) for row in nothing_left])
