"""Copies of other services' facts. Every write is an upsert: order across topics is no matter.

A list of tens of thousands of enterprises comes at once, so each function writes all events of one
kind of a batch with one statement. Of one row's several changes in a batch the last one counts; the
events of a key come in order.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from shared.contracts.credit import CreditLineApproved, LoanGranted
from shared.contracts.registry import (
    EnterpriseChanged,
    EnterpriseListed,
    InstitutionChanged,
    ListImported,
    OutletChanged,
    StaffChanged,
)
from shared.platform.database import Transaction

EventT = TypeVar("EventT")


def _last(events: Iterable[EventT], key: Callable[[EventT], Hashable]) -> list[EventT]:
    """The last event of every key, for a statement that may touch a row only once."""
    return list({key(event): event for event in events}.values())


async def _write(tx: Transaction, sql: str, rows: Sequence[tuple[Any, ...]], width: int) -> None:
    # One row order for all writers: two of them never wait for each other in a circle.
    ordered = sorted(rows, key=lambda row: str(row[0]))
    driver = await tx.driver()
    await driver.execute(sql, *([row[i] for row in ordered] for i in range(width)))


async def save_institutions(events: Sequence[InstitutionChanged], tx: Transaction) -> None:
    """Institutions with their type: rotation prefers another one (JS-19)."""
    rows = [
        (e.institution_id, e.institution_code, e.name, e.institution_type, e.active)
        for e in _last(events, lambda e: e.institution_id)
    ]
    await _write(
        tx,
        "insert into institution (institution_id, code, name, type, active) select * from"
        " unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::boolean[])"
        " on conflict (institution_id) do update set code = excluded.code, name = excluded.name,"
        " type = excluded.type, active = excluded.active",
        rows,
        5,
    )


async def save_outlets(events: Sequence[OutletChanged], tx: Transaction) -> None:
    """Outlets with their place, people and declared capacity (JS-06, JS-07)."""
    rows = [
        (e.outlet_id, e.institution_id, e.region_code, e.longitude_e6, e.latitude_e6,
         e.relationship_managers, e.service_capacity, e.active)
        for e in _last(events, lambda e: e.outlet_id)
    ]  # fmt: skip
    await _write(
        tx,
        "insert into outlet (outlet_id, institution_id, region_code, longitude_e6, latitude_e6,"
        " relationship_managers, service_capacity, active) select * from unnest($1::uuid[],"
        " $2::uuid[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[], $8::boolean[])"
        " on conflict (outlet_id) do update set institution_id = excluded.institution_id,"
        " region_code = excluded.region_code, longitude_e6 = excluded.longitude_e6,"
        " latitude_e6 = excluded.latitude_e6,"
        " relationship_managers = excluded.relationship_managers,"
        " service_capacity = excluded.service_capacity, active = excluded.active",
        rows,
        8,
    )


async def save_roster(events: Sequence[StaffChanged], tx: Transaction) -> None:
    """Roster periods, by person and first day (JS-12)."""
    rows = [
        (e.staff_id, e.valid_from, e.valid_to, e.institution_id, e.outlet_id, e.role)
        for e in _last(events, lambda e: (e.staff_id, e.valid_from))
    ]
    await _write(
        tx,
        "insert into roster (staff_id, valid_from, valid_to, institution_id, outlet_id, role)"
        " select * from unnest($1::uuid[], $2::date[], $3::date[], $4::uuid[], $5::uuid[],"
        " $6::text[]) on conflict (staff_id, valid_from) do update set"
        " valid_to = excluded.valid_to, institution_id = excluded.institution_id,"
        " outlet_id = excluded.outlet_id, role = excluded.role",
        rows,
        6,
    )


async def save_listed(events: Sequence[EnterpriseListed], tx: Transaction) -> None:
    """The list as it stands, one row per enterprise and vintage (R4)."""
    rows = [
        (e.enterprise_id, e.list_vintage, e.region_code, e.longitude_e6, e.latitude_e6,
         e.precision, e.has_loan, ",".join(map(str, e.lender_ids)), e.listed_on)
        for e in _last(events, lambda e: (e.list_vintage, e.enterprise_id))
    ]  # fmt: skip
    await _write(
        tx,
        "insert into list_entry (enterprise_id, list_vintage, region_code, longitude_e6,"
        " latitude_e6, precision, has_loan, lender_ids, listed_on)"
        " select i, v, r, x, y, p, h, string_to_array(l, ',')::uuid[], d from unnest($1::uuid[],"
        " $2::text[], $3::text[], $4::int[], $5::int[], $6::text[], $7::boolean[], $8::text[],"
        " $9::date[]) as t (i, v, r, x, y, p, h, l, d)"
        " on conflict (list_vintage, enterprise_id) do update set"
        " region_code = excluded.region_code, longitude_e6 = excluded.longitude_e6,"
        " latitude_e6 = excluded.latitude_e6, precision = excluded.precision,"
        " has_loan = excluded.has_loan, lender_ids = excluded.lender_ids,"
        " listed_on = excluded.listed_on",
        rows,
        9,
    )


async def save_imports(events: Sequence[ListImported], tx: Transaction) -> None:
    """How many enterprises a list has: before all of them are known, no campaign opens on it."""
    rows = [(e.import_id, e.list_vintage, e.taken) for e in _last(events, lambda e: e.import_id)]
    await _write(
        tx,
        "insert into list_import (import_id, list_vintage, taken)"
        " select * from unnest($1::uuid[], $2::text[], $3::int[])"
        " on conflict (import_id) do update set taken = excluded.taken",
        rows,
        3,
    )


async def save_changes(events: Sequence[EnterpriseChanged], tx: Transaction) -> None:
    """Where an enterprise is from a day on (ST-07)."""
    rows = [
        (e.enterprise_id, e.valid_from, e.region_code, e.longitude_e6, e.latitude_e6, e.precision)
        for e in _last(events, lambda e: (e.enterprise_id, e.valid_from))
    ]
    await _write(
        tx,
        "insert into enterprise_change (enterprise_id, valid_from, region_code, longitude_e6,"
        " latitude_e6, precision) select * from unnest($1::uuid[], $2::date[], $3::text[],"
        " $4::int[], $5::int[], $6::text[]) on conflict (enterprise_id, valid_from) do update"
        " set region_code = excluded.region_code, longitude_e6 = excluded.longitude_e6,"
        " latitude_e6 = excluded.latitude_e6, precision = excluded.precision",
        rows,
        6,
    )


async def save_lines(events: Sequence[CreditLineApproved], tx: Transaction) -> None:
    """Approved lines: they make an enterprise matched (JS-19)."""
    rows = [
        (e.line_id, e.enterprise_id, e.institution_id, "line_approved", e.approved_on)
        for e in _last(events, lambda e: e.line_id)
    ]
    await _write(tx, _FINANCING, rows, 5)


async def save_loans(events: Sequence[LoanGranted], tx: Transaction) -> None:
    """Granted loans: they make an enterprise matched (JS-19)."""
    rows = [
        (e.loan_id, e.enterprise_id, e.institution_id, "loan_granted", e.granted_on)
        for e in _last(events, lambda e: e.loan_id)
    ]
    await _write(tx, _FINANCING, rows, 5)


_FINANCING = (
    "insert into financing (fact_id, enterprise_id, institution_id, kind, happened_on)"
    " select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::date[])"
    " on conflict (fact_id) do update set institution_id = excluded.institution_id,"
    " happened_on = excluded.happened_on"
)
