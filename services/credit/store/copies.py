"""Credit's copies of what registry and allocation announce."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from asyncpg import Connection

from shared.contracts.allocation import EnterpriseAssigned, EnterpriseUnassigned
from shared.contracts.registry import (
    InstitutionChanged,
    OutletChanged,
)


@dataclass(frozen=True, slots=True)
class Slice:
    """An enterprise's county from a day on."""

    enterprise_id: UUID
    valid_from: date
    region_code: str


async def put_institutions(driver: Connection, changes: Iterable[InstitutionChanged]) -> None:
    """Enter or change institutions."""
    rows = [(e.institution_id, e.institution_code, e.active) for e in changes]
    await driver.execute(
        "insert into institution select * from unnest($1::uuid[], $2::text[], $3::boolean[])"
        " on conflict (institution_id) do update"
        " set code = excluded.code, active = excluded.active",
        *_columns(rows, 3),
    )


async def put_outlets(driver: Connection, changes: Iterable[OutletChanged]) -> None:
    """Enter or change outlets."""
    rows = [(e.outlet_id, e.institution_id, e.active) for e in changes]
    await driver.execute(
        "insert into outlet select * from unnest($1::uuid[], $2::uuid[], $3::boolean[])"
        " on conflict (outlet_id) do update"
        " set institution_id = excluded.institution_id, active = excluded.active",
        *_columns(rows, 3),
    )


async def put_enterprises(driver: Connection, usccs: Iterable[tuple[UUID, str]]) -> None:
    """Enter enterprises with their credit codes."""
    await driver.execute(
        "insert into enterprise select * from unnest($1::uuid[], $2::text[])"
        " on conflict (enterprise_id) do update set uscc = excluded.uscc",
        *_columns(list(usccs), 2),
    )


async def put_slices(driver: Connection, slices: Iterable[Slice]) -> None:
    """Enter the counties of enterprises from a day on; the same day again takes the later word."""
    rows = [(piece.enterprise_id, piece.valid_from, piece.region_code) for piece in slices]
    await driver.execute(
        "insert into enterprise_region select * from unnest($1::uuid[], $2::date[], $3::text[])"
        " on conflict (enterprise_id, valid_from) do update set region_code = excluded.region_code",
        *_columns(rows, 3),
    )


async def put_assignments(driver: Connection, assigned: Iterable[EnterpriseAssigned]) -> None:
    """Enter which institution has which enterprise on its list."""
    rows = [
        (e.assignment_id, e.enterprise_id, e.institution_id, e.campaign_id, e.assigned_on)
        for e in assigned
    ]
    await driver.execute(
        "insert into assignment select * from"
        " unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::date[])"
        " on conflict (assignment_id) do nothing",
        *_columns(rows, 5),
    )


async def end_assignments(driver: Connection, ended: Iterable[EnterpriseUnassigned]) -> None:
    """End assignments."""
    rows = [(e.assignment_id, e.unassigned_on) for e in ended]
    await driver.execute(
        "update assignment a set unassigned_on = u.day"
        " from unnest($1::uuid[], $2::date[]) as u (id, day) where a.assignment_id = u.id",
        *_columns(rows, 2),
    )


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Columns for unnest, one row order for all writers so that they never wait in a circle."""
    ordered = sorted(rows, key=lambda row: str(row[0]))
    return [[row[index] for row in ordered] for index in range(width)]
