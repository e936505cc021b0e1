"""Borders that moved, and the years of the working calendar."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.registry.store.bulk import execute, fetch
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class Move:
    """A border that moved: what lay in `from_code` (in these townships, or all) is in `to_code`."""

    move_id: UUID
    from_code: str
    to_code: str
    townships: list[str] | None
    valid_from: date
    reason: str
    job_id: UUID
    recorded_at: datetime
    moved: int | None
    left_alone: int | None


_MOVE = (
    "move_id, from_code, to_code, townships, valid_from, reason, job_id, recorded_at, moved,"
    " left_alone"
)


async def add_move(tx: Transaction, new: Move) -> None:
    """Keep a move that is to be carried out."""
    await execute(
        tx,
        "insert into region_move (move_id, from_code, to_code, townships, valid_from, reason,"
        " job_id, recorded_at, recorded_by) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        new.move_id,
        new.from_code,
        new.to_code,
        new.townships,
        new.valid_from,
        new.reason,
        new.job_id,
        new.recorded_at,
        tx.principal.name,
    )


async def find_move(tx: Transaction, move_id: UUID) -> Move | None:
    """A move by its id."""
    rows = await fetch(tx, f"select {_MOVE} from region_move where move_id = $1", move_id)
    return Move(*rows[0]) if rows else None


async def moves(tx: Transaction) -> list[Move]:
    """All moves, the latest day first."""
    rows = await fetch(
        tx, f"select {_MOVE} from region_move order by valid_from desc, recorded_at desc"
    )
    return [Move(*row) for row in rows]


async def add_to_move(tx: Transaction, move_id: UUID, moved: int, left_alone: int) -> None:
    """Count what a step of a move did."""
    await execute(
        tx,
        "update region_move set moved = coalesce(moved, 0) + $2,"
        " left_alone = coalesce(left_alone, 0) + $3 where move_id = $1",
        move_id,
        moved,
        left_alone,
    )


async def begin_move(tx: Transaction, move_id: UUID) -> None:
    """Count anew who is left alone: a move that is begun again meets them once more."""
    await execute(tx, "update region_move set left_alone = 0 where move_id = $1", move_id)


@dataclass(frozen=True, slots=True)
class Resident:
    """An enterprise that may be concerned by a move, with its last change."""

    enterprise_id: UUID
    business_address: str
    registered_address: str
    region_code: str
    longitude_e6: int
    latitude_e6: int
    precision: str
    datum: str
    industry_code: str | None
    last_change_on: date


async def residents(
    tx: Transaction, region_code: str, *, after: UUID | None, limit: int
) -> list[Resident]:
    """Enterprises of a county by id, locked."""
    rows = await fetch(
        tx,
        "select e.enterprise_id, e.business_address, e.registered_address, e.region_code,"
        " e.longitude_e6, e.latitude_e6, e.precision, e.datum, e.industry_code,"
        " (select max(s.valid_from) from enterprise_slice s"
        " where s.enterprise_id = e.enterprise_id) from enterprise e where e.region_code = $1"
        " and ($2::uuid is null or e.enterprise_id > $2) order by e.enterprise_id limit $3"
        " for update",
        region_code,
        after,
        limit,
    )
    return [Resident(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Year:
    """A year of the working calendar: its exceptions from the week."""

    year: int
    provisional: bool
    days_off: list[date]
    days_worked: list[date]
    recorded_at: datetime


async def years(tx: Transaction) -> list[Year]:
    """The years that were imported, in order."""
    rows = await fetch(
        tx,
        "select year, provisional, days_off, days_worked, recorded_at from calendar_year"
        " order by year",
    )
    return [Year(*row) for row in rows]


async def put_year(tx: Transaction, year: Any) -> None:
    """Enter a year over what was there."""
    await execute(
        tx,
        "insert into calendar_year values ($1, $2, $3, $4, $5, $6) on conflict (year)"
        " do update set provisional = excluded.provisional, days_off = excluded.days_off,"
        " days_worked = excluded.days_worked, recorded_at = excluded.recorded_at,"
        " recorded_by = excluded.recorded_by",
        year.year,
        year.provisional,
        year.days_off,
        year.days_worked,
        year.recorded_at,
        tx.principal.name,
    )
