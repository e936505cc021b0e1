"""Signed rows and their roll-up: written together, so that the roll-up is always their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import asyncpg

from services.reporting.domain.rows import Row
from services.reporting.store.copying import id_texts


class OwnRow(NamedTuple):
    """A signed row with its enterprise and campaign."""

    enterprise: bytes
    campaign: bytes
    row: Row


# Rows from an instant on go, new ones come, and the roll-up gets the difference: one statement,
# which does not take away what it adds. The roll-up in one order: no two writers wait in a circle.
_REPLACE: Final = """
with gone as (
  delete from delta d using unnest($1::uuid[], $2::bigint[]) as s (ent, since_us)
  where d.ent = s.ent
    and d.known_at >= timestamptz 'epoch' + s.since_us * interval '1 microsecond'
  returning d.campaign, d.kind, d.business_on, d.institution, d.county, -d.n as n, -d.fen as fen
), come as (
  insert into delta (ent, campaign, known_at, kind, institution, outlet, county, business_on, n,
    fen, cause)
  select ent, campaign, timestamptz 'epoch' + us * interval '1 microsecond', kind, institution,
    outlet, county, date '0001-01-01' - 1 + day, n, fen, cause
  from unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::smallint[], $7::uuid[], $8::uuid[],
    $9::int[], $10::int[], $11::int[], $12::bigint[], $13::bigint[])
  as u (ent, campaign, us, kind, institution, outlet, county, day, n, fen, cause)
  returning campaign, kind, business_on, institution, county, n, fen
), change as (
  select campaign, date_trunc('month', business_on::timestamp)::date as month, kind, institution,
    county, sum(n)::int as n, sum(fen)::bigint as fen
  from (select * from gone union all select * from come) as both_ways
  group by 1, 2, 3, 4, 5 having sum(n) <> 0 or sum(fen) <> 0
), kept as (
  insert into delta_month as m (campaign, month, kind, institution, county, n, fen)
  select * from change order by 1, 2, 3, 4, 5
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
select campaign, date_trunc('month', business_on::timestamp)::date, kind, institution, county,
  sum(n), sum(fen)
from delta{suffix} group by 1, 2, 3, 4, 5 having sum(n) <> 0 or sum(fen) <> 0
"""


async def replace(
    connection: asyncpg.Connection, since_us: Mapping[bytes, int], rows: Sequence[OwnRow]
) -> None:
    """Put new rows in the place of all rows of these enterprises known from an instant on."""
    columns = [list(column) for column in zip(*(own.row for own in rows), strict=True)]
    known, kind, institution, outlet, county, day, n, fen, cause = columns or [[]] * 9
    nothing_left = await connection.fetch(
        _REPLACE,
        id_texts(since_us),
        list(since_us.values()),
        id_texts(own.enterprise for own in rows),
        id_texts(own.campaign for own in rows),
        known,
        kind,
        id_texts(institution),
        id_texts(outlet),
        county,
        day,
        n,
        fen,
        cause,
    )
    if nothing_left:
        await connection.executemany(_TIDY, [tuple(row) for row in nothing_left])
