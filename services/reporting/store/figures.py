"""The grouped sums behind every figure: one statement per question.

As known now they come from the roll-up. As known at an instant they come from the signed rows up to
it, or from the roll-up less the rows after it, whichever side of the history is the shorter.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from services.reporting.domain.families import kin_of
from services.reporting.domain.figures import KINDS, Group, Metric, Sums
from services.reporting.domain.question import Level, Question
from services.reporting.store.facts import mergers

_REGION: Final = {"city": "county / 100 * 100", "county": "county", None: "null::int"}
#: Sums are made by hashing in memory (with less, PostgreSQL sorts on disk), in one process:
#: questions come many at a time, and starting helpers costs more than they save.
_MEMORY: Final = "set local work_mem = '64MB'; set local max_parallel_workers_per_gather = 0"
_SUMS: Final = """
select region, institution, kind, sum(n)::bigint, sum(fen)::bigint,
    coalesce(sum(n) filter (where in_quarter), 0)::bigint,
    coalesce(sum(fen) filter (where in_quarter), 0)::bigint
from ({source}) as s group by 1, 2, 3
"""


class Swapped(Exception):
    """A rebuild put new tables in place after this snapshot: ask again in a new transaction."""


async def must_be_steady(connection: asyncpg.Connection) -> None:
    """Make sure that what was read in this transaction came from one generation of tables.

    A name finds the newest table at once, but a snapshot from before a swap sees no rows in it. To
    be called last: the tables read are then held, so that no swap can come any more.

    Raises: Swapped.
    """
    same = await connection.fetchval(
        "select 'delta'::regclass::oid = (select oid from pg_class where relname = 'delta'"
        " and relkind = 'r' and relnamespace = current_schema()::regnamespace)"
    )
    if not same:
        raise Swapped


class _Statement:
    """A statement under construction, with its arguments."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.args: list[Any] = []
        self._first = ""

    def arg(self, value: object) -> str:
        """A placeholder for a value."""
        self.args.append(value)
        return f"${len(self.args)}"

    @property
    def first(self) -> str:
        """A placeholder for the quarter's first day; never asked for, it is not sent."""
        self._first = self._first or self.arg(self.question.quarter.first_on)
        return self._first

    def where(self, kinds: str, day: str) -> str:
        """Campaign, kinds, cut-off day and part of the tree, shared by every source."""
        q = self.question
        parts = [
            f"campaign = {self.arg(q.campaign_id)}",
            f"kind = any({kinds})",
            f"{day} <= {self.arg(q.quarter.last_on)}",
        ]
        if q.counties:
            first, last = self.arg(q.counties.first), self.arg(q.counties.last)
            parts.append(f"county between {first} and {last}")
        if q.institution_id:
            parts.append(f"institution = {self.arg(q.institution_id)}")
        return " and ".join(parts)


async def groups(
    connection: asyncpg.Connection, question: Question, *, level: Level | None, institutions: bool
) -> list[Group]:
    """The sums by kind, by region of a level, and by institution where asked for."""
    s = _Statement(question)
    kinds = s.arg(list(KINDS))
    dims = f"{_REGION[level]} as region, {'institution' if institutions else 'null::uuid'}"
    dims += " as institution, kind"
    known_at = question.known_at
    if known_at is None:
        source = _rolled_up(s, dims, kinds)
    elif await _is_recent(connection, known_at):
        after = _rows(s, dims, kinds, sign="-") + f" and known_at > {s.arg(known_at)}"
        source = f"{_rolled_up(s, dims, kinds)} union all {after}"
    else:
        source = _rows(s, dims, kinds, sign="") + f" and known_at <= {s.arg(known_at)}"
    await connection.execute(_MEMORY)
    found = await connection.fetch(_SUMS.format(source=source), *s.args)
    return [
        Group(row[0], row[1].bytes if row[1] else None, row[2], Sums(*row[3:])) for row in found
    ]


def _rolled_up(s: _Statement, dims: str, kinds: str) -> str:
    # The quarter is whole months, so the month of a sum says whether it lies in it.
    return (
        f"select {dims}, n, fen, month >= {s.first} as in_quarter from delta_month"
        f" where {s.where(kinds, 'month')}"
    )


def _rows(s: _Statement, dims: str, kinds: str, *, sign: str) -> str:
    return (
        f"select {dims}, {sign}n as n, {sign}fen as fen, business_on >= {s.first} as in_quarter"
        f" from delta where {s.where(kinds, 'business_on')}"
    )


async def _is_recent(connection: asyncpg.Connection, known_at: datetime) -> bool:
    row = await connection.fetchrow("select min(known_at), max(known_at) from delta")
    assert row is not None
    return row[0] is not None and row[1] - known_at < known_at - row[0]


# -- the rows behind a number ----------------------------------------------------------------------


class Part(NamedTuple):
    """One enterprise's part in a cell."""

    enterprise_id: UUID
    uscc: str | None
    county: int
    institution_id: UUID | None
    n: int
    fen: int


class Whole(NamedTuple):
    """What all parts of a cell come to."""

    enterprises: int
    n: int
    fen: int


class Cause(NamedTuple):
    """One event's part in a cell."""

    event_id: UUID
    type: int
    business_on: date
    known_at: datetime
    recorded_at: datetime
    institution_id: UUID | None
    outlet_id: UUID | None
    actor: UUID | None
    ref: UUID | None
    n: int
    fen: int


def _cell(s: _Statement, metric: Metric) -> str:
    """The predicate of one cell over the signed rows."""
    where = s.where(s.arg(list(metric.kinds)), "business_on")
    if metric.window == "quarter":
        where += f" and business_on >= {s.first}"
    if s.question.known_at:
        where += f" and known_at <= {s.arg(s.question.known_at)}"
    return where


async def parts(
    connection: asyncpg.Connection,
    question: Question,
    metric: Metric,
    *,
    after: UUID | None,
    limit: int,
) -> tuple[list[Part], Whole]:
    """The enterprises that a number counts, each once, from one on; and what all come to."""
    s = _Statement(question)
    cell = _cell(s, metric)
    base = f"""
with place as (
  select ent, county, sum(n)::bigint as n, sum(fen)::bigint as fen,
      count(distinct institution) as banks,
      (array_agg(institution) filter (where institution is not null))[1] as bank
  from delta where {cell} group by ent, county
), one as (
  select ent, sum(n)::bigint as n, sum(fen)::bigint as fen, max(banks) as banks,
      (array_agg(county order by abs(n) desc, abs(fen) desc))[1] as county,
      (array_agg(bank order by abs(n) desc, abs(fen) desc))[1] as bank
  from place group by ent having sum({metric.column}) <> 0
)"""
    await connection.execute(_MEMORY)
    found = await connection.fetch(
        f"""{base}
select one.ent, e.uscc, one.county, case when one.banks = 1 then one.bank end, one.n, one.fen,
    one.all_n, one.sum_n, one.sum_fen
from (
  select *, count(*) over () as all_n, (sum(n) over ())::bigint as sum_n,
      (sum(fen) over ())::bigint as sum_fen from one
) one left join enterprise e using (ent)
where one.ent > coalesce({s.arg(after)}::uuid, '00000000-0000-0000-0000-000000000000')
order by one.ent limit {s.arg(limit + 1)}""",
        *s.args,
    )
    whole = Whole(*found[0][6:]) if found else Whole(0, 0, 0)
    return [Part(*row[:6]) for row in found], whole


async def causes(
    connection: asyncpg.Connection, question: Question, metric: Metric, enterprise_id: UUID
) -> list[Cause]:
    """The events that make up an enterprise's part in a cell, in the order they became known.

    Where enterprises were merged, an event of the one may move the figure of the other.
    """
    own = enterprise_id.bytes
    family = [each.hex() for each in kin_of(await mergers(connection)).get(own, [own])]
    s = _Statement(question)
    cell = _cell(s, metric)
    return [
        Cause(*row)
        for row in await connection.fetch(
            f"""
select f.event_id, f.type, f.business_on, f.known_at, f.recorded_at, f.institution, f.outlet,
    f.actor, f.ref, d.n, d.fen
from (
  select ent, cause, known_at, sum(n)::bigint as n, sum(fen)::bigint as fen from delta
  where {cell} and ent = {s.arg(enterprise_id)} group by ent, cause, known_at
  having sum(n) <> 0 or sum(fen) <> 0
) d join fact f on f.cause = d.cause and f.known_at = d.known_at and f.ent = any({s.arg(family)})
order by f.known_at, f.cause""",
            *s.args,
        )
    ]


async def institution_names(connection: asyncpg.Connection) -> dict[UUID, tuple[str, str, str]]:
    """Code, name and type of every institution."""
    found = await connection.fetch("select institution, code, name, type from institution")
    return {row[0]: (row[1], row[2], row[3]) for row in found}


class Campaign(NamedTuple):
    """A campaign as far as figures need it."""

    campaign_id: UUID
    profile: str
    list_vintage: str
    opens_on: date


async def find_campaign(connection: asyncpg.Connection, campaign_id: UUID) -> Campaign | None:
    """The campaign of an id, or None."""
    row = await connection.fetchrow(
        "select campaign, profile, list_vintage, opens_on from campaign where campaign = $1",
        campaign_id,
    )
    return Campaign(*row) if row else None
