"""What is kept of pushed rows once codes are resolved: equal contents are the same row (I1)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, Literal, TypeVar
from uuid import UUID

from services.credit.domain.classification import Classes
from shared.contracts.credit import OriginType, SecurityType

MovementKind = Literal["drawdown", "repayment", "reversal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineContent:
    """A credit line."""

    external_id: str
    enterprise_id: UUID
    outlet_id: UUID
    amount_fen: int
    approved_on: date
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanContent:
    """A loan contract, with the bank's own claims on its classes."""

    external_id: str
    line_id: UUID | None
    enterprise_id: UUID
    outlet_id: UUID
    amount_fen: int
    origin: OriginType
    securities: tuple[SecurityType, ...]
    annual_rate_bp: int
    granted_on: date
    matures_on: date
    booked_at: datetime
    first_loan_claimed: bool | None
    medium_long_claimed: bool | None
    unsecured_claimed: bool | None
    ip_pledged_claimed: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownContent:
    """Money paid out."""

    external_id: str
    loan_id: UUID
    amount_fen: int
    drawn_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentContent:
    """Principal paid back."""

    external_id: str
    loan_id: UUID
    principal_fen: int
    repaid_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalContent:
    """A drawdown booked back."""

    external_id: str
    drawdown_id: UUID
    amount_fen: int
    reversed_on: date


ContentT = TypeVar("ContentT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Generic[ContentT]):
    """A row already in the book."""

    id: UUID
    content: ContentT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine:
    """A line to be entered."""

    line_id: UUID
    region_code: str
    content: LineContent


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLoan:
    """A loan to be entered."""

    loan_id: UUID
    region_code: str
    content: LoanContent
    classes: Classes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMovement:
    """Money moved, to be entered; `drawdown_id` names what a reversal books back."""

    movement_id: UUID
    kind: MovementKind
    external_id: str
    loan_id: UUID
    enterprise_id: UUID
    outlet_id: UUID
    new_money: bool
    drawdown_id: UUID | None
    amount_fen: int
    business_on: date
    region_code: str
