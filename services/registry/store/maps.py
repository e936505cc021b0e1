"""Editions of the industry map and their entries."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from services.registry.store.bulk import execute, fetch
from services.registry.store.search import add_scope
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction

# Listed, or with a high-tech certificate valid on the day by the latest word about it.
_ENTRIES: Final = """
insert into map_entry
with certified as (
  select distinct on (enterprise_id) enterprise_id, facts ->> 'high_tech_until' as until
  from fact_sheet where facts ? 'high_tech_until' and as_of <= $3
  order by enterprise_id, as_of desc, recorded_at desc
), high as (select enterprise_id from certified where until::date >= $3),
members as (select enterprise_id from list_member where list_vintage = $2)
select $1, e.enterprise_id, e.region_code, e.industry_code, e.longitude_e6, e.latitude_e6,
  e.precision, m.enterprise_id is not null, h.enterprise_id is not null
from enterprise e left join members m using (enterprise_id) left join high h using (enterprise_id)
where m.enterprise_id is not null or h.enterprise_id is not null
"""
_CHANGE: Final = (
    "case when b.enterprise_id is null then 'new' when a.enterprise_id is null then 'gone'"
    " when a.region_code <> b.region_code then 'moved'"
    " when a.industry_code is distinct from b.industry_code then 'industry'"
    " when (a.listed, a.high_tech) <> (b.listed, b.high_tech) then 'standing' end"
)


@dataclass(frozen=True, slots=True)
class Edition:
    """An issued edition."""

    edition: int
    title: str
    list_vintage: str
    issued_on: date
    enterprises: int


@dataclass(frozen=True, slots=True)
class Cell:
    """How many enterprises of an industry a county has in an edition."""

    region_code: str
    industry_code: str | None
    enterprises: int
    listed: int
    high_tech: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An enterprise on the map."""

    enterprise_id: UUID
    uscc: str
    name: str
    region_code: str
    industry_code: str | None
    longitude_e6: int
    latitude_e6: int
    precision: str
    listed: bool
    high_tech: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """An enterprise that is new, gone, or stands otherwise than in the edition before."""

    enterprise_id: UUID
    uscc: str
    name: str
    change: str
    region_before: str | None
    region_after: str | None
    industry_before: str | None
    industry_after: str | None


async def editions(tx: Transaction) -> list[Edition]:
    """All editions, the newest first."""
    rows = await fetch(
        tx,
        "select edition, title, list_vintage, issued_on, enterprises from map_edition"
        " order by edition desc",
    )
    return [Edition(*row) for row in rows]


async def issue(tx: Transaction, title: str, list_vintage: str) -> Edition:
    """Take the next edition down as things stand now; it never changes afterwards."""
    await execute(tx, "lock table map_edition in share row exclusive mode")
    rows = await fetch(tx, "select coalesce(max(edition), 0) + 1 from map_edition")
    edition: int = rows[0][0]
    made = await execute(tx, _ENTRIES, edition, list_vintage, tx.today)
    new = Edition(edition, title, list_vintage, tx.today, int(made.rpartition(" ")[2]))
    await execute(
        tx,
        "insert into map_edition values ($1, $2, $3, $4, $5, $6, $7)",
        new.edition,
        new.title,
        new.list_vintage,
        new.issued_on,
        tx.now,
        tx.principal.name,
        new.enterprises,
    )
    return new


async def table(
    tx: Transaction, edition: int, region: str | None, industries: tuple[str, ...] | None
) -> list[Cell]:
    """Counts by county and industry: sums of many, which everyone with the edition may see."""
    where = Conditions()
    where.add("edition = {}", edition)
    where.add_given("region_code like {}", region)
    where.add_given("industry_code = any({})", list(industries) if industries else None)
    rows = await fetch(
        tx,
        "select region_code, industry_code, count(*), count(*) filter (where listed),"
        f" count(*) filter (where high_tech) from map_entry{where.sql}"
        " group by region_code, industry_code order by region_code, industry_code",
        *where.values,
    )
    return [Cell(*row) for row in rows]


async def entries(
    tx: Transaction, edition: int, *, region: str | None, after: UUID | None, limit: int
) -> list[Entry]:
    """Enterprises the caller may see, by id; one more than asked for."""
    where = Conditions()
    where.add("m.edition = {}", edition)
    where.add_given("m.region_code like {}", region)
    where.add_given("m.enterprise_id > {}", after)
    add_scope(where, tx.principal)
    rows = await fetch(
        tx,
        "select m.enterprise_id, e.uscc, e.name, m.region_code, m.industry_code, m.longitude_e6,"
        " m.latitude_e6, m.precision, m.listed, m.high_tech from map_entry m"
        f" join enterprise e using (enterprise_id){where.sql}"
        f" order by m.enterprise_id limit {where.bind(limit + 1)}",
        *where.values,
    )
    return [Entry(*row) for row in rows]


def _both(newer: str, older: str) -> str:
    return (
        f"(select * from map_entry where edition = {newer}) a full join"
        f" (select * from map_entry where edition = {older}) b using (enterprise_id)"
        " join enterprise e using (enterprise_id)"
    )


async def count_changes(tx: Transaction, newer: int, older: int) -> dict[str, int]:
    """How many are new, gone, moved, in another industry, of another standing."""
    rows = await fetch(
        tx,
        f"select {_CHANGE} as change, count(*) from {_both('$1', '$2')}"
        f" where {_CHANGE} is not null group by 1",
        newer,
        older,
    )
    counts = dict.fromkeys(("new", "gone", "moved", "industry", "standing"), 0)
    return counts | {row[0]: row[1] for row in rows}


async def changes(
    tx: Transaction, newer: int, older: int, *, after: UUID | None, limit: int
) -> list[Changed]:
    """Those behind the counts whom the caller may see, by id; one more than asked for."""
    where = Conditions()
    sides = (where.bind(newer), where.bind(older))
    where.add(f"{_CHANGE} is not null")
    where.add_given("enterprise_id > {}", after)
    add_scope(where, tx.principal)
    rows: list[Any] = await fetch(
        tx,
        f"select enterprise_id, e.uscc, e.name, {_CHANGE}, b.region_code, a.region_code,"
        f" b.industry_code, a.industry_code from {_both(*sides)}{where.sql}"
        f" order by enterprise_id limit {where.bind(limit + 1)}",
        *where.values,
    )
    return [Changed(*row) for row in rows]
