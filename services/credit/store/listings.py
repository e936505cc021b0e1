"""Lines and loans as callers read them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from asyncpg import Connection, Record

from services.credit.domain.classification import Classes
from services.credit.store.scope import Filter

_LOAN = """
select l.*, e.uscc, c.external_id as line_external_id from loan l
left join enterprise e using (enterprise_id) left join credit_line c on c.line_id = l.line_id
"""
_LINE = "select l.*, e.uscc from credit_line l left join enterprise e using (enterprise_id)"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookQuery:
    """Which lines or loans to list, and where the page begins."""

    enterprise_id: UUID | None
    institution_id: UUID | None
    external_id: str | None
    after: tuple[date, UUID] | None
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """A line with what is drawn under it."""

    line_id: UUID
    external_id: str
    enterprise_id: UUID
    uscc: str | None
    institution_id: UUID
    outlet_id: UUID
    region_code: str
    amount_fen: int
    outstanding_fen: int
    approved_on: date
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What the bank says of a loan; None: it says nothing."""

    first_loan_claimed: bool | None
    medium_long_claimed: bool | None
    unsecured_claimed: bool | None
    ip_pledged_claimed: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanView:
    """A loan with its balance, our classes, and the bank's own claims."""

    loan_id: UUID
    external_id: str
    line_id: UUID | None
    line_external_id: str | None
    enterprise_id: UUID
    uscc: str | None
    institution_id: UUID
    outlet_id: UUID
    region_code: str
    amount_fen: int
    drawn_fen: int
    repaid_fen: int
    origin: str
    securities: tuple[str, ...]
    annual_rate_bp: int
    granted_on: date
    matures_on: date
    booked_at: datetime
    classes: Classes
    claims: Claimed

    @property
    def balance_fen(self) -> int:
        """Outstanding principal now (ST-04)."""
        return self.drawn_fen - self.repaid_fen

    @property
    def new_money(self) -> bool:
        """Whether its drawdowns count as newly granted (ST-10)."""
        return self.origin == "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementView:
    """Money that moved under a loan."""

    movement_id: UUID
    kind: str
    external_id: str
    drawdown_id: UUID | None
    amount_fen: int
    business_on: date
    recorded_at: datetime


async def loans(driver: Connection, seen: Filter, query: BookQuery) -> list[LoanView]:
    """Newest grant first, one more than `limit` where there are more."""
    _narrow(seen, query)
    if query.after:
        seen.where("(l.granted_on, l.loan_id) < ({}, {})", *query.after)
    rows = await driver.fetch(
        f"{_LOAN} where {seen.sql()}"
        f" order by l.granted_on desc, l.loan_id desc limit {query.limit + 1:d}",
        *seen.values,
    )
    return [_loan(row) for row in rows]


async def loan(driver: Connection, loan_id: UUID, seen: Filter) -> LoanView | None:
    """One loan the caller may see."""
    seen.where("l.loan_id = {}", loan_id)
    row = await driver.fetchrow(f"{_LOAN} where {seen.sql()}", *seen.values)
    return _loan(row) if row else None


async def movements(driver: Connection, loan_id: UUID) -> list[MovementView]:
    """All money moved under a loan, in the order it was booked."""
    rows = await driver.fetch(
        "select movement_id, kind, external_id, drawdown_id, amount_fen, business_on, recorded_at"
        " from movement where loan_id = $1 order by business_on, recorded_at, movement_id",
        loan_id,
    )
    return [MovementView(**dict(row)) for row in rows]


async def lines(driver: Connection, seen: Filter, query: BookQuery) -> list[LineView]:
    """Newest approval first, one more than `limit` where there are more."""
    _narrow(seen, query)
    if query.after:
        seen.where("(l.approved_on, l.line_id) < ({}, {})", *query.after)
    rows = await driver.fetch(
        f"{_LINE} where {seen.sql()}"
        f" order by l.approved_on desc, l.line_id desc limit {query.limit + 1:d}",
        *seen.values,
    )
    return [LineView(**_only(row, LineView)) for row in rows]


def _narrow(seen: Filter, query: BookQuery) -> None:
    if query.enterprise_id:
        seen.where("l.enterprise_id = any(array(select family_of({})))", query.enterprise_id)
    if query.institution_id:
        seen.where("l.institution_id = {}", query.institution_id)
    if query.external_id:
        seen.where("l.external_id = {}", query.external_id)


def _only(row: Record, view: type[Any]) -> dict[str, Any]:
    return {name: row[name] for name in view.__dataclass_fields__ if name in row.keys()}  # noqa: SIM118


def _loan(row: Record) -> LoanView:
    classes = Classes(
        definition=row["definition"],
        medium_long=row["medium_long"],
        unsecured=row["unsecured"],
        ip_pledged=row["ip_pledged"],
    )
    plain = _only(row, LoanView)
    plain["securities"] = tuple(row["securities"])
    return LoanView(classes=classes, claims=Claimed(**_only(row, Claimed)), **plain)
