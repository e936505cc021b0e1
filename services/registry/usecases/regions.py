"""A county's border moves: what lay on the other side is in another county from a day on."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from services.registry.domain.places import centre_of
from services.registry.store import regions as store
from services.registry.store.queries import Slice, change_enterprise
from services.registry.store.regions import Move, Resident, Year
from shared.contracts.registry import CalendarSet, EnterpriseChanged
from shared.kernel.calendar import WorkCalendar, packaged
from shared.kernel.errors import BadInput, NotFound, RuleViolation
from shared.kernel.ids import new_id
from shared.kernel.region import county
from shared.platform.database import Transaction
from shared.platform.jobs import Work, start_job

CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveBorder:
    """What lies in these townships of one county (None: all of it) is in another from a day on."""

    from_code: str
    to_code: str
    townships: tuple[str, ...] | None
    valid_from: date
    reason: str


async def move_border(command: MoveBorder, tx: Transaction) -> Move:
    """Queue the move. Earlier days keep what they had, so last year's figures stay (ST-07).

    Raises: BadInput `region.unknown`, `region.not_a_county`, `region.same`; RuleViolation
    `change.in_future`.
    """
    if county(command.from_code) == county(command.to_code):
        raise BadInput("region.same", "迁出与迁入的区县相同")
    if command.valid_from > tx.today:
        raise RuleViolation("change.in_future", "生效日期不能晚于今天")
    move_id = new_id()
    job_id = await start_job(tx, "move_border", {"move_id": str(move_id)})
    new = Move(
        move_id, command.from_code, command.to_code,
        list(command.townships) if command.townships else None, command.valid_from,
        command.reason.strip(), job_id, tx.now, None, None,
    )  # fmt: skip
    await store.add_move(tx, new)
    tx.audit(
        "region.border_moved",
        move_id,
        after={"from": new.from_code, "to": new.to_code, "valid_from": new.valid_from},
    )
    return new


async def list_moves(tx: Transaction) -> list[Move]:
    """All moves, the latest day first."""
    return await store.moves(tx)


async def run_move(work: Work) -> dict[str, Any]:
    """Move enterprise by enterprise; those moved are no longer met when the job begins again."""
    move_id = UUID(work.params["move_id"])
    async with work.transaction() as tx:
        move = await store.find_move(tx, move_id)
    if move is None:
        raise NotFound("region.move_unknown", "没有这次区划调整")
    async with work.transaction() as tx:
        await store.begin_move(tx, move_id)
    after: UUID | None = None
    while True:
        async with work.transaction() as tx:
            rows = await store.residents(tx, move.from_code, after=after, limit=CHUNK)
            if not rows:
                break
            concerned = [row for row in rows if _lies_in(row, move.townships)]
            moved = [row for row in concerned if row.last_change_on <= move.valid_from]
            for row in moved:
                await _move(tx, row, move)
            await store.add_to_move(tx, move_id, len(moved), len(concerned) - len(moved))
        after = rows[-1].enterprise_id
        await work.progress(min(after.int / 2**128, 0.99), "正在调整区划")
    async with work.transaction() as tx:
        done = await store.find_move(tx, move_id)
    return {"moved": (done and done.moved) or 0, "left_alone": (done and done.left_alone) or 0}


def _lies_in(row: Resident, townships: list[str] | None) -> bool:
    if townships is None:
        return True
    address = row.business_address or row.registered_address
    return any(name in address for name in townships)


async def _move(tx: Transaction, row: Resident, move: Move) -> None:
    """A point that is exact stays; a county's middle becomes the other county's."""
    exact = row.precision == "point"
    middle = centre_of(move.to_code)
    new = Slice(
        valid_from=move.valid_from,
        region_code=move.to_code,
        industry_code=row.industry_code,
        longitude_e6=row.longitude_e6 if exact else middle.longitude_e6,
        latitude_e6=row.latitude_e6 if exact else middle.latitude_e6,
        precision=row.precision if exact else middle.precision,
        address=row.business_address,
        reason=move.reason,
        recorded_at=tx.now,
        datum=row.datum if exact else "WGS-84",
    )
    await change_enterprise(tx, row.enterprise_id, new)
    tx.emit(
        EnterpriseChanged(
            enterprise_id=row.enterprise_id,
            region_code=new.region_code,
            longitude_e6=new.longitude_e6,
            latitude_e6=new.latitude_e6,
            precision=new.precision,  # pyright: ignore[reportArgumentType]
            industry_code=new.industry_code,
            valid_from=new.valid_from,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetYear:
    """A year's working days: the week, with days off on weekdays and weekends that are worked."""

    year: int
    days_off: tuple[date, ...]
    days_worked: tuple[date, ...]
    provisional: bool


async def set_year(command: SetYear, tx: Transaction) -> Year:
    """Enter a year of the working calendar, or replace what was provisional.

    Raises: BadInput `calendar.other_year`, `calendar.both`, `calendar.no_exception`; RuleViolation
    `calendar.published`.
    """
    days = (*command.days_off, *command.days_worked)
    if wrong := next((day for day in days if day.year != command.year), None):
        raise BadInput("calendar.other_year", "日期不在这一年", wrong.isoformat())
    if both := set(command.days_off) & set(command.days_worked):
        raise BadInput("calendar.both", "同一天既休又班", min(both).isoformat())
    needless = [day for day in command.days_off if day.isoweekday() > 5]
    needless += [day for day in command.days_worked if day.isoweekday() < 6]
    if needless:
        raise BadInput("calendar.no_exception", "与平常的周末或工作日相同", needless[0].isoformat())
    before = {each.year: each for each in await store.years(tx)}.get(command.year)
    if command.provisional and before and not before.provisional:
        raise RuleViolation("calendar.published", "该年安排已公布,不能改回暂定")
    new = Year(
        command.year, command.provisional, sorted(command.days_off),
        sorted(command.days_worked), tx.now,
    )  # fmt: skip
    await store.put_year(tx, new)
    tx.emit(
        CalendarSet(
            year=new.year,
            days_off=tuple(new.days_off),
            days_worked=tuple(new.days_worked),
            provisional=new.provisional,
        )
    )
    tx.audit("calendar.set", str(new.year), after={"provisional": new.provisional})
    return new


async def year_of(tx: Transaction, year: int) -> Year:
    """A year as it was entered, or as it is packaged; a year of neither is the plain week.

    Only the fixed statutory days are known of such a year: it is provisional.
    """
    entered = {each.year: each for each in await store.years(tx)}
    if year in entered:
        return entered[year]
    known = packaged()
    if known.first_on.year <= year <= known.last_on.year:
        return _packaged(known, year, tx)
    fixed = (date(year, 1, 1), date(year, 5, 1), *(date(year, 10, day) for day in (1, 2, 3)))
    off = [day for day in fixed if day.isoweekday() < 6]
    return Year(year, provisional=True, days_off=off, days_worked=[], recorded_at=tx.now)


def _packaged(known: WorkCalendar, year: int, tx: Transaction) -> Year:
    days = sorted(day for day in known.exceptions if day.year == year)
    off = [day for day in days if not known.exceptions[day]]
    worked = [day for day in days if known.exceptions[day]]
    return Year(year, provisional=False, days_off=off, days_worked=worked, recorded_at=tx.now)
