"""Rows of a push: read one by one, so that a wrong row never stops the others."""

from collections.abc import Callable
from typing import Annotated, Any, Self, TypeVar
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import Field, PositiveInt, ValidationError, model_validator

from services.credit.api.fields import Day, Instant, Number, Origin, RatePercent, Security
from services.credit.domain.rows import (
    Claims,
    DrawdownRow,
    LineRow,
    LoanRow,
    OutletRef,
    PushedRow,
    RepaymentRow,
    ReversalRow,
)
from services.credit.usecases import Push
from shared.kernel.errors import BadInput, FieldError
from shared.platform.fields import FieldProblem, UsccIn, YuanIn
from shared.platform.problems import field_errors
from shared.platform.web import In

MAX_ROWS = 1_000
MAX_RATE_BP = 10_000
MAX_NUMBER, MAX_TEXT = 64, 200
InT = TypeVar("InT", bound=In)
RowT = TypeVar("RowT")
Amount = Annotated[YuanIn, Field(gt=0)]


class Batch(In):
    """A batch of rows. `atomic`: one refused row refuses all of them, and nothing is written."""

    atomic: bool = False
    rows: Annotated[list[Any], Field(min_length=1, max_length=MAX_ROWS)]


class _AtOutlet(In):
    external_id: Number
    uscc: UsccIn
    outlet_id: UUID | None = None
    outlet_code: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    amount: Amount

    @model_validator(mode="after")
    def _names_one_outlet(self) -> Self:
        if (self.outlet_id is None) == (self.outlet_code is None):
            raise FieldProblem(BadInput("outlet.missing", "请给出 outlet_id 或 outlet_code 之一"))
        return self

    def outlet(self) -> OutletRef:
        """The outlet as named."""
        return OutletRef(outlet_id=self.outlet_id, outlet_code=self.outlet_code)


class LineIn(_AtOutlet):
    """A credit line (授信)."""

    approved_on: Day
    valid_from: Day
    valid_until: Day

    def value(self) -> LineRow:
        """The row as the domain knows it."""
        return LineRow(
            external_id=self.external_id,
            uscc=self.uscc,
            outlet=self.outlet(),
            amount_fen=self.amount,
            approved_on=self.approved_on,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )


class LoanIn(_AtOutlet):
    """A loan contract. Claims are the bank's own view; the platform computes its beside them."""

    line_external_id: Number | None = None
    origin: Origin
    securities: Annotated[list[Security], Field(min_length=1, max_length=10)]
    annual_rate_bp: Annotated[PositiveInt, Field(le=MAX_RATE_BP)] | None = None
    annual_rate: RatePercent | None = None
    granted_on: Day
    matures_on: Day
    booked_at: Instant
    first_loan_claimed: bool | None = None
    medium_long_claimed: bool | None = None
    unsecured_claimed: bool | None = None
    ip_pledged_claimed: bool | None = None

    @model_validator(mode="after")
    def _names_one_rate(self) -> Self:
        if (self.annual_rate is None) == (self.annual_rate_bp is None):
            raise FieldProblem(
                BadInput("rate.missing", "请给出 annual_rate_bp(基点)或 annual_rate(百分数)之一")
            )
        return self

    def value(self) -> LoanRow:
        """The row as the domain knows it; the order in which securities are named means nothing."""
        return LoanRow(
            external_id=self.external_id,
            line_external_id=self.line_external_id,
            uscc=self.uscc,
            outlet=self.outlet(),
            amount_fen=self.amount,
            origin=self.origin,
            securities=tuple(sorted(set(self.securities))),
            annual_rate_bp=self.annual_rate_bp or self.annual_rate or 0,
            granted_on=self.granted_on,
            matures_on=self.matures_on,
            booked_at=self.booked_at,
            claims=Claims(
                first_loan=self.first_loan_claimed,
                medium_long=self.medium_long_claimed,
                unsecured=self.unsecured_claimed,
                ip_pledged=self.ip_pledged_claimed,
            ),
        )


class DrawdownIn(In):
    """Money paid out under a loan."""

    external_id: Number
    loan_external_id: Number
    amount: Amount
    drawn_on: Day

    def value(self) -> DrawdownRow:
        """The row as the domain knows it."""
        return DrawdownRow(
            external_id=self.external_id,
            loan_external_id=self.loan_external_id,
            amount_fen=self.amount,
            drawn_on=self.drawn_on,
        )


class RepaymentIn(In):
    """Principal paid back; interest is no part of it."""

    external_id: Number
    loan_external_id: Number
    principal: Amount
    repaid_on: Day

    def value(self) -> RepaymentRow:
        """The row as the domain knows it."""
        return RepaymentRow(
            external_id=self.external_id,
            loan_external_id=self.loan_external_id,
            principal_fen=self.principal,
            repaid_on=self.repaid_on,
        )


class ReversalIn(In):
    """A drawdown booked back, in whole or in part."""

    external_id: Number
    drawdown_external_id: Number
    amount: Amount
    reversed_on: Day

    def value(self) -> ReversalRow:
        """The row as the domain knows it."""
        return ReversalRow(
            external_id=self.external_id,
            drawdown_external_id=self.drawdown_external_id,
            amount_fen=self.amount,
            reversed_on=self.reversed_on,
        )


def push_of(batch: Batch, model: type[InT], value: Callable[[InT], RowT]) -> Push[RowT]:
    """Read the rows of a batch; the unreadable ones keep their place with what is wrong."""
    rows = [_pushed(number, raw, model, value) for number, raw in enumerate(batch.rows, start=1)]
    return Push(rows=rows, atomic=batch.atomic)


def _pushed(
    number: int, raw: Any, model: type[InT], value: Callable[[InT], RowT]
) -> PushedRow[RowT]:
    external_id = raw.get("external_id") if isinstance(raw, dict) else None
    named = _shown(external_id, MAX_NUMBER) if isinstance(external_id, str) else None
    try:
        return PushedRow(row=number, external_id=named, value=value(model.model_validate(raw)))
    except ValidationError as error:
        return PushedRow(row=number, external_id=named, value=None, errors=_errors(error))
    except UnicodeError:
        # Half of a surrogate pair: JSON can carry it, no text can.
        wrong = FieldError("row", "row.encoding", "含有无法识别的字符")
        return PushedRow(row=number, external_id=named, value=None, errors=(wrong,))


def _shown(text: str, most: int) -> str:
    """What a caller sent, fit to be sent back: short, and with nothing that has no UTF-8 form."""
    return text[:most].encode("utf-8", "replace").decode()


def _errors(error: ValidationError) -> tuple[FieldError, ...]:
    return tuple(
        FieldError(
            "row" if each.where in ("", "body") else _shown(each.where, MAX_TEXT),
            each.code,
            _shown(each.message, MAX_TEXT),
        )
        for each in field_errors(RequestValidationError(error.errors()))
    )
