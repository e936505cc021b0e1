"""The JSON of credit's answers and of the application routes."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from services.credit.api.fields import Day
from services.credit.domain.applications import Application, Decision
from services.credit.domain.products import Product, catalogue
from services.credit.domain.push import RowAnswer, Status
from services.credit.domain.reasons import REASONS, Reason
from services.credit.store.listings import LineView, LoanView, MovementView
from services.credit.usecases import DecideApplication, FileApplication, LoanFile
from shared.platform.approvals import Presented
from shared.platform.fields import YuanIn, YuanOut
from shared.platform.web import In, Out


class ErrorOut(Out):
    """What is wrong with one field of a row."""

    where: str
    code: str
    message: str


class RowOut(Out):
    """What became of one row; rows count from 1."""

    row: int
    external_id: str | None
    status: Status
    id: UUID | None
    errors: tuple[ErrorOut, ...]


class CountsOut(Out):
    """Rows by what became of them."""

    created: int
    unchanged: int
    refused: int


class PushOut(Out):
    """The answer to a batch, in the order of its rows."""

    rows: list[RowOut]
    counts: CountsOut

    @classmethod
    def of(cls, answers: Sequence[RowAnswer]) -> Self:
        """From the answers of a batch."""
        by_status = [answer.status for answer in answers]
        return cls(
            rows=[RowOut.model_validate(answer) for answer in answers],
            counts=CountsOut(
                created=by_status.count("created"),
                unchanged=by_status.count("unchanged"),
                refused=by_status.count("refused"),
            ),
        )


class ProductOut(Out):
    """A version of a product."""

    code: str
    version: int
    name: str
    in_force_from: date
    in_force_until: date | None
    term_months_max: int
    limit: Annotated[YuanOut, Field(validation_alias="limit_fen")]
    for_whom: str
    note: str


class ReasonOut(Out):
    """A coded reason for declining."""

    code: str
    text_zh: str
    repaired_by: str
    repair_zh: str


class ProductsOut(Out):
    """The catalogue."""

    items: list[ProductOut]
    next_cursor: None = None

    @classmethod
    def of(cls, products: Sequence[Product]) -> Self:
        """From product versions."""
        return cls(items=[ProductOut.model_validate(product) for product in products])


class ReasonsOut(Out):
    """The list of reasons."""

    items: list[ReasonOut]
    next_cursor: None = None

    @classmethod
    def of(cls, reasons: Sequence[Reason]) -> Self:
        """From reasons."""
        return cls(items=[ReasonOut.model_validate(reason) for reason in reasons])


class ApplicationIn(In):
    """An application; the caller gives its id, so that a repeat is recognised."""

    application_id: UUID
    campaign_id: UUID | None = None
    enterprise_id: UUID
    outlet_id: UUID
    product_code: Annotated[str, Field(min_length=1, max_length=64)]
    amount: YuanIn
    filed_on: Day

    def command(self) -> FileApplication:
        """As the use case wants it."""
        return FileApplication(
            application_id=self.application_id,
            campaign_id=self.campaign_id,
            enterprise_id=self.enterprise_id,
            outlet_id=self.outlet_id,
            product_code=self.product_code,
            amount_fen=self.amount,
            filed_on=self.filed_on,
        )


class DecisionIn(In):
    """Approved with an amount, or declined with a coded reason."""

    approved: bool
    amount: YuanIn | None = None
    reason_code: Annotated[str, Field(max_length=64)] | None = None
    remark: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""
    npl_tolerance: bool | None = None
    due_diligence_exempt: bool | None = None
    decided_on: Day

    def command(self, application_id: UUID, approval: Presented) -> DecideApplication:
        """As the use case wants it."""
        decision = Decision(
            approved=self.approved,
            amount_fen=self.amount,
            reason_code=self.reason_code,
            remark=self.remark,
            npl_tolerance=self.npl_tolerance,
            due_diligence_exempt=self.due_diligence_exempt,
            decided_on=self.decided_on,
        )
        return DecideApplication(
            application_id=application_id, decision=decision, approval=approval
        )


class DecisionOut(Out):
    """The bank's decision, with the reason in words and who can repair it."""

    approved: bool
    amount: Annotated[YuanOut | None, Field(validation_alias="amount_fen")]
    reason_code: str | None
    reason: ReasonOut | None = None
    remark: str
    npl_tolerance: bool | None
    due_diligence_exempt: bool | None
    decided_on: date

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """From a decision."""
        reason = REASONS.get(decision.reason_code or "")
        said = cls.model_validate(decision)
        return (
            said.model_copy(update={"reason": ReasonOut.model_validate(reason)}) if reason else said
        )


class ApplicationOut(Out):
    """An application and what became of it."""

    application_id: UUID
    campaign_id: UUID | None
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    region_code: str
    product_code: str
    product_version: int
    amount: YuanOut
    above_product_limit: bool
    filed_on: date
    on_own_list: bool
    state: str
    decision: DecisionOut | None

    @classmethod
    def of(cls, application: Application) -> Self:
        """From an application."""
        filing = application.filing
        product = next(
            p
            for p in catalogue()
            if (p.code, p.version) == (filing.product_code, application.product_version)
        )
        return cls(
            application_id=filing.application_id,
            campaign_id=filing.campaign_id,
            enterprise_id=filing.enterprise_id,
            institution_id=filing.institution_id,
            outlet_id=filing.outlet_id,
            region_code=application.region_code,
            product_code=filing.product_code,
            product_version=application.product_version,
            amount=filing.amount_fen,
            above_product_limit=filing.amount_fen > product.limit_fen,
            filed_on=filing.filed_on,
            on_own_list=application.on_own_list,
            state=application.state,
            decision=DecisionOut.of(application.decision) if application.decision else None,
        )


class ApplicationsOut(Out):
    """A page of applications."""

    items: list[ApplicationOut]
    next_cursor: str | None


class LineOut(Out):
    """A line with what is drawn under it and what is left."""

    line_id: UUID
    external_id: str
    enterprise_id: UUID
    uscc: str | None
    institution_id: UUID
    outlet_id: UUID
    region_code: str
    amount: Annotated[YuanOut, Field(validation_alias="amount_fen")]
    outstanding: Annotated[YuanOut, Field(validation_alias="outstanding_fen")]
    approved_on: date
    valid_from: date
    valid_until: date


class LinesOut(Out):
    """A page of lines."""

    items: list[LineOut]
    next_cursor: str | None

    @classmethod
    def of(cls, lines: Sequence[LineView], next_cursor: str | None) -> Self:
        """From a page."""
        return cls(items=[LineOut.model_validate(line) for line in lines], next_cursor=next_cursor)


class ClassesOut(Out):
    """The platform's classes under a dated definition (ST-03)."""

    definition: str
    medium_long: bool
    unsecured: bool
    ip_pledged: bool


class ClaimsOut(Out):
    """What the bank says itself; null: it says nothing."""

    first_loan: Annotated[bool | None, Field(validation_alias="first_loan_claimed")]
    medium_long: Annotated[bool | None, Field(validation_alias="medium_long_claimed")]
    unsecured: Annotated[bool | None, Field(validation_alias="unsecured_claimed")]
    ip_pledged: Annotated[bool | None, Field(validation_alias="ip_pledged_claimed")]


class LoanOut(Out):
    """A loan with its balance; `drawn` is net of what was booked back."""

    loan_id: UUID
    external_id: str
    line_id: UUID | None
    line_external_id: str | None
    enterprise_id: UUID
    uscc: str | None
    institution_id: UUID
    outlet_id: UUID
    region_code: str
    amount: Annotated[YuanOut, Field(validation_alias="amount_fen")]
    drawn: Annotated[YuanOut, Field(validation_alias="drawn_fen")]
    repaid: Annotated[YuanOut, Field(validation_alias="repaid_fen")]
    balance: Annotated[YuanOut, Field(validation_alias="balance_fen")]
    origin: str
    new_money: bool
    securities: tuple[str, ...]
    annual_rate_bp: int
    granted_on: date
    matures_on: date
    booked_at: datetime
    classes: ClassesOut
    claims: ClaimsOut


class LoansOut(Out):
    """A page of loans."""

    items: list[LoanOut]
    next_cursor: str | None

    @classmethod
    def of(cls, loans: Sequence[LoanView], next_cursor: str | None) -> Self:
        """From a page."""
        return cls(items=[LoanOut.model_validate(loan) for loan in loans], next_cursor=next_cursor)


class MovementOut(Out):
    """Money moved under a loan."""

    movement_id: UUID
    kind: str
    external_id: str
    drawdown_id: UUID | None
    amount: Annotated[YuanOut, Field(validation_alias="amount_fen")]
    business_on: date
    recorded_at: datetime

    @classmethod
    def of(cls, moved: MovementView) -> Self:
        """From a movement."""
        return cls.model_validate(moved)


class LoanFileOut(Out):
    """A loan with its movements, oldest first."""

    loan: LoanOut
    movements: list[MovementOut]

    @classmethod
    def of(cls, file: LoanFile) -> Self:
        """From a loan and its movements."""
        return cls(
            loan=LoanOut.model_validate(file.loan),
            movements=[MovementOut.of(moved) for moved in file.movements],
        )
