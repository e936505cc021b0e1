"""What a bank's core system pushes: one value per row, checked for form but not yet judged."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar
from uuid import UUID

from shared.contracts.credit import OriginType, SecurityType
from shared.kernel.errors import FieldError


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletRef:
    """The booking outlet, by the platform's id or by the bank's own code."""

    outlet_id: UUID | None
    outlet_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """A credit line the bank approved (授信)."""

    external_id: str
    uscc: str
    outlet: OutletRef
    amount_fen: int
    approved_on: date
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What the bank itself says of a loan; ours is computed and stands beside it (C9)."""

    first_loan: bool | None = None
    medium_long: bool | None = None
    unsecured: bool | None = None
    ip_pledged: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanRow:
    """A loan contract the bank signed; money moves by drawdowns."""

    external_id: str
    line_external_id: str | None
    uscc: str
    outlet: OutletRef
    amount_fen: int
    origin: OriginType
    securities: tuple[SecurityType, ...]
    annual_rate_bp: int
    granted_on: date
    matures_on: date
    booked_at: datetime
    claims: Claims


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownRow:
    """Money paid out under a loan."""

    external_id: str
    loan_external_id: str
    amount_fen: int
    drawn_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentRow:
    """Principal paid back."""

    external_id: str
    loan_external_id: str
    principal_fen: int
    repaid_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalRow:
    """A drawdown booked back, in whole or in part (冲正)."""

    external_id: str
    drawdown_external_id: str
    amount_fen: int
    reversed_on: date


RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRow(Generic[RowT]):
    """One row of a batch: its value, or why it could not be read. Rows count from 1."""

    row: int
    external_id: str | None
    value: RowT | None
    errors: tuple[FieldError, ...] = ()
