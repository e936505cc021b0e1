"""Lists as they stood: their sizes, who stands on them, what changed from one to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from services.registry.store.bulk import execute, fetch
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction

Change = Literal["new", "dropped", "changed", "kept"]
COMPARED: Final = (
    "region_code", "industry_code", "has_loan", "employees", "revenue_fen", "rd_fen",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vintage:
    """A list: how many stand on it, and whether a campaign stands on it."""

    list_vintage: str
    enterprises: int
    pinned: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """An enterprise on either of two lists; `fields` are the compared columns that differ.

    A changed one without such fields differs in name, address, registration number or person.
    """

    enterprise_id: UUID
    uscc: str
    name: str
    change: Change
    fields: dict[str, tuple[object, object]]


_LISTS = """
with recursive l as (select max(list_vintage) as day from list_member union all
  select (select max(list_vintage) from list_member where list_vintage < l.day) from l
  where l.day is not null)
select l.day, exists (select from list_pin p where p.list_vintage = l.day) from l
where l.day is not null order by l.day desc
"""


async def vintages(tx: Transaction) -> list[Vintage]:
    """All lists, the newest first, each with how many of its enterprises the caller may see.

    Which lists there are is no secret (every campaign names its own); who stands on them is.
    """
    async with tx.beyond_walls():
        lists = await fetch(tx, _LISTS)
    rows = await fetch(tx, "select list_vintage, count(*) from list_member group by list_vintage")
    seen: dict[str, int] = {row[0]: row[1] for row in rows}
    return [Vintage(day, seen.get(day, 0), pinned) for day, pinned in lists]


async def pin(tx: Transaction, campaign_id: UUID, list_vintage: str) -> None:
    """A campaign stands on a list from now on (R4)."""
    await execute(
        tx,
        "insert into list_pin values ($1, $2, $3) on conflict do nothing",
        campaign_id,
        list_vintage,
        tx.now,
    )


async def is_pinned(tx: Transaction, list_vintage: str) -> bool:
    """Whether a campaign stands on a list: nobody is put on it any more."""
    rows = await fetch(tx, "select from list_pin where list_vintage = $1 limit 1", list_vintage)
    return bool(rows)


_CHANGE = (
    "case when b.enterprise_id is null then 'new' when a.enterprise_id is null then 'dropped'"
    " when a.digest = b.digest then 'kept' else 'changed' end"
)


async def count_differences(tx: Transaction, newer: str, older: str) -> dict[str, int]:
    """How many are new, dropped, changed and kept, of those the caller may see."""
    where = Conditions()
    sides = f"{where.bind(newer)}, {where.bind(older)}".split(", ")
    _scoped(where, tx)
    rows = await fetch(
        tx,
        f"select {_CHANGE} as change, count(*) from {_both(*sides)}{where.sql} group by 1",
        *where.values,
    )
    return {"new": 0, "dropped": 0, "changed": 0, "kept": 0} | {row[0]: row[1] for row in rows}


def _both(newer: str, older: str) -> str:
    return (
        f"(select * from list_member where list_vintage = {newer}) a full join"
        f" (select * from list_member where list_vintage = {older}) b using (enterprise_id)"
        " join enterprise e using (enterprise_id)"
    )


def _scoped(where: Conditions, tx: Transaction) -> None:
    if tx.principal.role == "bureau":
        city = tx.principal.city_prefix() + "%"
        where.add("(a.region_code like {} or b.region_code like {})", city, city)
    elif not tx.principal.sees_all:
        where.add("false")


async def differences(
    tx: Transaction,
    newer: str,
    older: str,
    *,
    changes: Sequence[str],
    after: UUID | None,
    limit: int,
) -> list[Difference]:
    """Enterprises by id whose change is among `changes`; one more than asked for."""
    where = Conditions()
    sides = f"{where.bind(newer)}, {where.bind(older)}".split(", ")
    _scoped(where, tx)
    where.add(f"{_CHANGE} = any({{}})", list(changes))
    where.add_given("enterprise_id > {}", after)
    columns = ", ".join(f"a.{name}, b.{name}" for name in COMPARED)
    rows = await fetch(
        tx,
        f"select enterprise_id, e.uscc, e.name, {_CHANGE}, {columns} from {_both(*sides)}"
        f"{where.sql} order by enterprise_id limit {where.bind(limit + 1)}",
        *where.values,
    )
    return [_difference(*row) for row in rows]


def _difference(
    enterprise_id: UUID, uscc: str, name: str, change: Change, *values: object
) -> Difference:
    pairs = dict(zip(COMPARED, zip(values[1::2], values[::2], strict=True), strict=True))
    fields = {n: pair for n, pair in pairs.items() if change == "changed" and pair[0] != pair[1]}
    return Difference(enterprise_id, uscc, name, change, fields)


@dataclass(frozen=True, slots=True)
class LoanStatement:
    """What was said of an enterprise's loans as of a day: by a list, a bank, or its bookings."""

    as_of: date
    has_loan: bool | None
    source: str
    recorded_at: datetime


async def loan_statements(tx: Transaction, enterprise_id: UUID) -> list[LoanStatement]:
    """All statements, the latest day first; of one day the one recorded last."""
    rows = await fetch(
        tx,
        "select as_of, has_loan, source, recorded_at from loan_statement where enterprise_id = $1"
        " union all select m.list_vintage::date, m.has_loan, 'list:' || m.list_vintage,"
        " i.created_at from list_member m join import i using (import_id)"
        " where m.enterprise_id = $1 and m.has_loan is not null order by 1 desc, 4 desc",
        enterprise_id,
    )
    return [LoanStatement(*row) for row in rows]


async def state_loan(
    tx: Transaction,
    enterprise_id: UUID,
    as_of: date,
    source: str,
    *,
    has_loan: bool | None,
    institution_id: UUID | None,
) -> None:
    """Keep a statement; a later one for the same day by the same source replaces it."""
    await execute(
        tx,
        "insert into loan_statement values ($1, $2, $3, $4, $5, $6)"
        " on conflict (enterprise_id, as_of, source) do update set has_loan = excluded.has_loan,"
        " institution_id = excluded.institution_id, recorded_at = excluded.recorded_at",
        enterprise_id,
        as_of,
        source,
        has_loan,
        institution_id,
        tx.now,
    )


async def show_loan(tx: Transaction, enterprise_id: UUID, *, has_loan: bool | None) -> None:
    """Make it what filters and facets go by."""
    await execute(
        tx,
        "update enterprise set has_loan = $2, version = version + 1"
        " where enterprise_id = $1 and has_loan is distinct from $2",
        enterprise_id,
        has_loan,
    )


async def move_balance(tx: Transaction, enterprise_id: UUID, fen: int) -> tuple[int, int]:
    """Add to an enterprise's booked balance; what it was and what it is."""
    rows = await fetch(
        tx,
        "insert into loan_balance values ($1, $2) on conflict (enterprise_id)"
        " do update set fen = loan_balance.fen + excluded.fen returning fen",
        enterprise_id,
        fen,
    )
    return rows[0][0] - fen, rows[0][0]


async def dropped_by(
    tx: Transaction, import_id: UUID, list_vintage: str, *, after: str | None, limit: int
) -> list[tuple[UUID, str, str]]:
    """Who stands on a list but not in an import's file: id, code, name; one more than asked for."""
    rows = await fetch(
        tx,
        "select e.enterprise_id, e.uscc, e.name from list_member m"
        " join enterprise e using (enterprise_id) where m.list_vintage = $1"
        " and ($2::text is null or e.uscc > $2) and not exists (select from import_row r"
        " where r.import_id = $3 and r.key = e.uscc) order by e.uscc limit $4",
        list_vintage,
        after,
        import_id,
        limit + 1,
    )
    return [(row[0], row[1], row[2]) for row in rows]
