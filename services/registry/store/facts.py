"""Fact sheets: what was stated of enterprises, by lists and by those who filed more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.registry.domain.facts import Facts, Sheet, stored_values
from services.registry.store.bulk import add, execute, fetch
from shared.platform.database import Transaction

#: The source of sheets that came as a spreadsheet.
IMPORTED: Final = "import"

# A list states facts as of its own day; they are known once its import is through.
_SHEETS = """
select s.enterprise_id, s.as_of, s.source, s.facts::text as facts, s.recorded_at
from fact_sheet s
where s.enterprise_id = any($1::uuid[]) and s.as_of <= $2 and s.recorded_at <= $3
union all
select m.enterprise_id, m.list_vintage::date, 'list:' || m.list_vintage,
    jsonb_strip_nulls(jsonb_build_object(
        'staff', m.employees, 'sales', m.revenue_fen, 'rd', m.rd_fen))::text, i.finished_at
from list_member m join import i using (import_id)
where m.enterprise_id = any($1::uuid[]) and m.list_vintage::date <= $2 and i.finished_at <= $3
order by 1, 2 desc, 5 desc
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """An enterprise about to be judged: its industry and what is known of it."""

    enterprise_id: UUID
    industry_code: str | None
    facts: Facts


async def enterprises_to_judge(
    tx: Transaction, *, after: UUID | None, vintage: str | None, limit: int
) -> list[tuple[UUID, str | None, date | None, str]]:
    """Enterprises by id: the id, the industry, the founding day, the list they are from."""
    on_list = (
        " and exists (select from list_member m where m.list_vintage = $2"
        " and m.enterprise_id = e.enterprise_id)"
        if vintage
        else " and $2::text is null"
    )
    rows = await fetch(
        tx,
        "select enterprise_id, industry_code, founded_on, list_vintage from enterprise e"
        f" where ($1::uuid is null or enterprise_id > $1){on_list}"
        " order by enterprise_id limit $3",
        after,
        vintage,
        limit,
    )
    return [tuple(row) for row in rows]


async def one_to_judge(
    tx: Transaction, enterprise_id: UUID
) -> list[tuple[UUID, str | None, date | None, str]]:
    """The same for one enterprise."""
    rows = await fetch(
        tx,
        "select enterprise_id, industry_code, founded_on, list_vintage from enterprise"
        " where enterprise_id = $1",
        enterprise_id,
    )
    return [tuple(row) for row in rows]


async def with_facts(
    tx: Transaction,
    enterprises: Sequence[tuple[UUID, str | None, date | None, str]],
    *,
    day: date,
    known_at: datetime,
) -> list[Judged]:
    """Put to each enterprise what was known of it at a moment, for a day and before."""
    rows = await fetch(tx, _SHEETS, [row[0] for row in enterprises], day, known_at)
    sheets: dict[UUID, list[Sheet]] = {}
    for enterprise_id, as_of, source, facts, _ in rows:
        sheet = Sheet(as_of, source, stored_values(facts))
        sheets.setdefault(enterprise_id, []).append(sheet)
    return [
        Judged(each, industry_code, Facts(_with_founding(sheets.get(each, []), founded_on, listed)))
        for each, industry_code, founded_on, listed in enterprises
    ]


def _with_founding(sheets: list[Sheet], founded_on: date | None, listed: str) -> list[Sheet]:
    if founded_on is not None:
        # Last: what was filed on purpose goes before what the list says beside other things.
        sheets.append(
            Sheet(date.fromisoformat(listed), f"list:{listed}", {"founded_on": founded_on})
        )
    return sheets


async def imported_on(
    tx: Transaction, ids: Sequence[UUID], day: date
) -> dict[UUID, dict[str, Any]]:
    """What the latest imported sheet of a day says of enterprises, as JSON values."""
    rows = await fetch(
        tx,
        "select distinct on (enterprise_id) enterprise_id, facts::text from fact_sheet"
        " where enterprise_id = any($1::uuid[]) and as_of = $2 and source = $3"
        " order by enterprise_id, recorded_at desc",
        list(ids),
        day,
        IMPORTED,
    )
    return {row[0]: msgspec.json.decode(row[1]) for row in rows}


async def add_sheets(
    tx: Transaction, sheets: Sequence[tuple[UUID, UUID, date, str, dict[str, Any]]]
) -> None:
    """Keep sheets: id, enterprise, day, source, values as JSON."""
    encode = msgspec.json.Encoder().encode
    await add(
        tx,
        "fact_sheet",
        (
            "sheet_id", "enterprise_id", "as_of", "source", "facts", "recorded_at", "recorded_by",
        ),
        [
            (*head, encode(facts).decode(), tx.now, tx.principal.name)
            for *head, facts in sheets
        ],
    )  # fmt: skip


async def known_from(tx: Transaction, at: datetime) -> None:
    """What this long transaction entered is known when it ends: nobody judged by it before."""
    await execute(
        tx,
        "update fact_sheet set recorded_at = $1 where source = $2 and recorded_at = $3"
        " and recorded_by = $4",
        at,
        IMPORTED,
        tx.now,
        tx.principal.name,
    )


@dataclass(frozen=True, slots=True)
class StoredSheet:
    """A sheet as its readers see it."""

    sheet_id: UUID
    as_of: date
    source: str
    facts: dict[str, Any]
    recorded_at: datetime


async def sheets_of(tx: Transaction, enterprise_id: UUID) -> list[StoredSheet]:
    """What was filed for an enterprise, the latest day first; lists not among them."""
    found = await tx.connection.execute(
        text(
            "select sheet_id, as_of, source, facts, recorded_at from fact_sheet"
            " where enterprise_id = :id order by as_of desc, recorded_at desc"
        ),
        {"id": enterprise_id},
    )
    return [StoredSheet(*row) for row in found]
