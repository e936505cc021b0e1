"""A batch of drawdowns, repayments or reversals judged against the accounts it touches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.credit.domain.book import (
    Drawdown,
    LoanAccount,
    refuse_drawdown,
    refuse_repayment,
    refuse_reversal,
)
from services.credit.domain.contents import (
    DrawdownContent,
    Kept,
    MovementKind,
    NewMovement,
    RepaymentContent,
    ReversalContent,
)
from services.credit.domain.judging import Judged, judge_all, settle_repeat
from services.credit.domain.push import RowAnswer, refused
from services.credit.domain.regions import Slices, region_on
from services.credit.domain.rows import DrawdownRow, PushedRow, RepaymentRow, ReversalRow
from shared.kernel.errors import FieldError
from shared.kernel.ids import derived_id

_NO_LOAN = FieldError("loan_external_id", "loan.unknown", "本机构没有此编号的贷款")
_NO_DRAWDOWN = FieldError("drawdown_external_id", "drawdown.unknown", "本机构没有此编号的放款")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What a batch of movements touches, locked: accounts by the bank's numbers, and what is kept.

    `kept` and the accounts change as rows are taken.
    """

    institution_id: UUID
    loans: Mapping[str, LoanAccount]
    drawdowns: Mapping[str, Drawdown]
    kept: dict[str, Kept[Any]]
    slices: Mapping[UUID, Slices]


def judge_drawdowns(
    rows: Sequence[PushedRow[DrawdownRow]], ledger: Ledger, today: date
) -> Judged[NewMovement]:
    """Judge money paid out; a renewal's or extension's drawdown is no new money.

    Units:   fen; local dates.
    Raises:  nothing.
    Source:  ST-04, ST-10, C7, C8.
    """

    def judge(number: int, row: DrawdownRow) -> tuple[RowAnswer, NewMovement | None]:
        loan = ledger.loans.get(row.loan_external_id)
        if loan is None:
            return refused(number, row.external_id, [_NO_LOAN]), None
        content = DrawdownContent(
            external_id=row.external_id,
            loan_id=loan.loan_id,
            amount_fen=row.amount_fen,
            drawn_on=row.drawn_on,
        )
        if answer := settle_repeat(number, ledger.kept, content):
            return answer, None
        if errors := refuse_drawdown(
            loan, amount_fen=row.amount_fen, drawn_on=row.drawn_on, today=today
        ):
            return refused(number, row.external_id, errors), None
        loan.move(row.drawn_on, drawn=row.amount_fen)
        return _taken(
            number,
            "drawdown",
            content,
            loan,
            ledger,
            amount_fen=row.amount_fen,
            business_on=row.drawn_on,
        )

    return judge_all(rows, judge)


def judge_repayments(
    rows: Sequence[PushedRow[RepaymentRow]], ledger: Ledger, today: date
) -> Judged[NewMovement]:
    """Judge principal paid back.

    Units:   fen; local dates.
    Raises:  nothing.
    Source:  ST-04.
    """

    def judge(number: int, row: RepaymentRow) -> tuple[RowAnswer, NewMovement | None]:
        loan = ledger.loans.get(row.loan_external_id)
        if loan is None:
            return refused(number, row.external_id, [_NO_LOAN]), None
        content = RepaymentContent(
            external_id=row.external_id,
            loan_id=loan.loan_id,
            principal_fen=row.principal_fen,
            repaid_on=row.repaid_on,
        )
        if answer := settle_repeat(number, ledger.kept, content):
            return answer, None
        if errors := refuse_repayment(
            loan, principal_fen=row.principal_fen, repaid_on=row.repaid_on, today=today
        ):
            return refused(number, row.external_id, errors), None
        loan.move(row.repaid_on, repaid=row.principal_fen)
        return _taken(
            number,
            "repayment",
            content,
            loan,
            ledger,
            amount_fen=row.principal_fen,
            business_on=row.repaid_on,
        )

    return judge_all(rows, judge)


def judge_reversals(
    rows: Sequence[PushedRow[ReversalRow]], ledger: Ledger, today: date
) -> Judged[NewMovement]:
    """Judge drawdowns booked back.

    Units:   fen; local dates.
    Raises:  nothing.
    Source:  ST-10, C12.
    """

    def judge(number: int, row: ReversalRow) -> tuple[RowAnswer, NewMovement | None]:
        drawdown = ledger.drawdowns.get(row.drawdown_external_id)
        if drawdown is None:
            return refused(number, row.external_id, [_NO_DRAWDOWN]), None
        content = ReversalContent(
            external_id=row.external_id,
            drawdown_id=drawdown.drawdown_id,
            amount_fen=row.amount_fen,
            reversed_on=row.reversed_on,
        )
        if answer := settle_repeat(number, ledger.kept, content):
            return answer, None
        if errors := refuse_reversal(
            drawdown, amount_fen=row.amount_fen, reversed_on=row.reversed_on, today=today
        ):
            return refused(number, row.external_id, errors), None
        drawdown.reversed_fen += row.amount_fen
        drawdown.loan.move(row.reversed_on, drawn=-row.amount_fen)
        return _taken(
            number,
            "reversal",
            content,
            drawdown.loan,
            ledger,
            amount_fen=row.amount_fen,
            business_on=row.reversed_on,
        )

    return judge_all(rows, judge)


def _taken(
    number: int,
    kind: MovementKind,
    content: DrawdownContent | RepaymentContent | ReversalContent,
    loan: LoanAccount,
    ledger: Ledger,
    *,
    amount_fen: int,
    business_on: date,
) -> tuple[RowAnswer, NewMovement]:
    external_id = content.external_id
    movement_id = derived_id(kind, ledger.institution_id, external_id)
    ledger.kept[external_id] = Kept(id=movement_id, content=content)
    answer = RowAnswer(row=number, external_id=external_id, status="created", id=movement_id)
    return answer, NewMovement(
        movement_id=movement_id,
        kind=kind,
        external_id=external_id,
        loan_id=loan.loan_id,
        enterprise_id=loan.enterprise_id,
        outlet_id=loan.outlet_id,
        new_money=loan.new_money,
        drawdown_id=content.drawdown_id if isinstance(content, ReversalContent) else None,
        amount_fen=amount_fen,
        business_on=business_on,
        region_code=region_on(ledger.slices[loan.enterprise_id], business_on),
    )
