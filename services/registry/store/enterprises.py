"""Enterprises, their dated slices and the lists they stand on: the bulk side for imports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.registry.domain.memberships import first_day
from services.registry.domain.records import EnterpriseRow
from services.registry.store.bulk import add, change_rows, execute, fetch
from services.registry.store.persons import Person, Subject, add_persons, put_persons
from shared.platform.database import Transaction

_SLICE = (
    "enterprise_id", "valid_from", "region_code", "longitude_e6", "latitude_e6", "precision",
    "industry_code", "address", "reason", "recorded_at", "datum",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of an enterprise when a list names it again."""

    list_vintage: str
    region_code: str
    longitude_e6: int
    latitude_e6: int
    industry_code: str | None
    last_change_on: date

    def same_slice(self, row: EnterpriseRow) -> bool:
        """Tell whether region, place and industry stay as they are."""
        return (
            self.region_code == row.region_code
            and self.longitude_e6 == row.longitude_e6
            and self.latitude_e6 == row.latitude_e6
            and self.industry_code == row.industry_code
        )


async def known_enterprises(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Known]:
    """Those of the enterprises that are stored already."""
    rows = await fetch(
        tx,
        "select e.enterprise_id, e.list_vintage, e.region_code, e.longitude_e6, e.latitude_e6,"
        " e.industry_code, (select max(s.valid_from) from enterprise_slice s where"
        " s.enterprise_id = e.enterprise_id) from enterprise e where e.enterprise_id ="
        " any($1::uuid[])",
        list(ids),
    )
    return {row[0]: Known(*tuple(row)[1:]) for row in rows}


async def member_digests(
    tx: Transaction, list_vintage: str | None, ids: Sequence[UUID]
) -> dict[UUID, bytes]:
    """The content with which enterprises stand on a list."""
    if list_vintage is None:
        return {}
    rows = await fetch(
        tx,
        "select enterprise_id, digest from list_member where list_vintage = $1"
        " and enterprise_id = any($2::uuid[])",
        list_vintage,
        list(ids),
    )
    return {row[0]: row[1] for row in rows}


async def latest_vintage(tx: Transaction, list_vintage: str) -> str | None:
    """The list to compare with: this one where it exists, else the newest before it, else any."""
    rows = await fetch(
        tx,
        "select coalesce((select max(list_vintage) from list_member where list_vintage <= $1),"
        " (select max(list_vintage) from list_member))",
        list_vintage,
    )
    return rows[0][0]


async def count_members(tx: Transaction, list_vintage: str | None) -> int:
    """How many enterprises stand on a list."""
    if list_vintage is None:
        return 0
    rows = await fetch(tx, "select count(*) from list_member where list_vintage = $1", list_vintage)
    return int(rows[0][0])


async def stored_fields(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """What is stored of enterprises in the columns that lists have, persons left out."""
    rows = await fetch(
        tx,
        "select enterprise_id, name, registration_no, registered_address, business_address,"
        " region_code, industry_code, has_loan, founded_on, employees from enterprise"
        " where enterprise_id = any($1::uuid[])",
        list(ids),
    )
    return {row["enterprise_id"]: dict(row) for row in rows}


async def add_enterprises(
    tx: Transaction, rows: Sequence[EnterpriseRow], list_vintage: str
) -> None:
    """Store enterprises nobody has named before, each with its first slice and its persons."""
    listed_on = date.fromisoformat(list_vintage)
    await add(
        tx,
        "enterprise",
        (
            "enterprise_id",
            "uscc",
            "name",
            "registration_no",
            "founded_on",
            "registered_address",
            "business_address",
            "region_code",
            "longitude_e6",
            "latitude_e6",
            "precision",
            "industry_code",
            "has_loan",
            "employees",
            "list_vintage",
            "digest",
            "datum",
        ),
        [
            (
                r.enterprise_id,
                r.key,
                r.name,
                r.registration_no,
                r.founded_on,
                r.registered_address,
                r.business_address,
                r.region_code,
                r.longitude_e6,
                r.latitude_e6,
                r.precision,
                r.industry_code,
                r.has_loan,
                r.employees,
                list_vintage,
                r.digest,
                r.datum,
            )
            for r in rows
        ],
    )
    await _add_slices(tx, rows, listed_on)
    await add_persons(tx, map(_representative, rows))


def _representative(row: EnterpriseRow) -> Subject:
    return Subject(row.enterprise_id, "enterprise", Person(row.legal_representative, row.phone))


async def _add_slices(tx: Transaction, rows: Sequence[EnterpriseRow], valid_from: date) -> None:
    now = tx.now
    await add(
        tx,
        "enterprise_slice",
        _SLICE,
        [
            (
                r.enterprise_id,
                valid_from,
                r.region_code,
                r.longitude_e6,
                r.latitude_e6,
                r.precision,
                r.industry_code,
                r.business_address or r.registered_address,
                "list",
                now,
                r.datum,
            )
            for r in rows
        ],
    )


#: What a list says of an enterprise, by column, with its type; and where it stands.
_TOLD = {
    "enterprise_id": "uuid",
    "name": "text",
    "registration_no": "text",
    "founded_on": "date",
    "registered_address": "text",
    "business_address": "text",
    "has_loan": "boolean",
    "employees": "int",
    "digest": "bytea",
}
_PLACE = {
    "enterprise_id": "uuid",
    "region_code": "text",
    "longitude_e6": "int",
    "latitude_e6": "int",
    "precision": "text",
    "datum": "text",
    "industry_code": "text",
}


async def renew_enterprises(
    tx: Transaction,
    rows: Sequence[EnterpriseRow],
    moved: Sequence[EnterpriseRow],
    list_vintage: str,
) -> None:
    """Bring stored enterprises to what a newer list says; `moved` get a slice of their own."""
    told = [(*tuple(getattr(row, name) for name in _TOLD), list_vintage) for row in rows]
    kinds = _TOLD | {"list_vintage": "text"}
    await change_rows(tx, "enterprise", "enterprise_id", kinds, told)
    places = [tuple(getattr(row, name) for name in _PLACE) for row in moved]
    await change_rows(tx, "enterprise", "enterprise_id", _PLACE, places)
    await execute(
        tx,
        "update enterprise set version = version + 1 where enterprise_id = any($1::uuid[])",
        [r.enterprise_id for r in rows],
    )
    await _add_slices(tx, moved, first_day(date.fromisoformat(list_vintage)))
    await put_persons(tx, [_representative(row) for row in rows])


async def add_members(
    tx: Transaction, import_id: UUID, list_vintage: str, rows: Sequence[EnterpriseRow]
) -> None:
    """Put enterprises on a list; what the list says of them never changes again (R4)."""
    await add(
        tx,
        "list_member",
        (
            "list_vintage",
            "enterprise_id",
            "import_id",
            "row_no",
            "digest",
            "region_code",
            "industry_code",
            "has_loan",
            "employees",
            "revenue_fen",
            "rd_fen",
        ),
        [
            (
                list_vintage,
                r.enterprise_id,
                import_id,
                r.row,
                r.digest,
                r.region_code,
                r.industry_code,
                r.has_loan,
                r.employees,
                r.revenue_fen,
                r.rd_fen,
            )
            for r in rows
        ],
    )


async def make_names_found(tx: Transaction) -> None:
    """Bring the search table to the present names; from then on it is searched again."""
    await execute(
        tx,
        "insert into enterprise_name as n select enterprise_id, name from enterprise e where not"
        " exists (select from enterprise_name f where f.enterprise_id = e.enterprise_id and"
        " f.name = e.name) on conflict (enterprise_id) do update set name = excluded.name",
    )
    await execute(tx, "update import set names_found = true where not names_found")
