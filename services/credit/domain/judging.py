"""A batch judged row by row, in the order given: a later row sees what the earlier ones changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from services.credit.domain.classification import classify
from services.credit.domain.contents import (
    Kept,
    LineContent,
    LoanContent,
    NewLine,
    NewLoan,
)
from services.credit.domain.contracts import (
    LineTerms,
    Surroundings,
    firm_of,
    outlet_of,
    refuse_line,
    refuse_loan,
)
from services.credit.domain.push import RowAnswer, refused, repeated
from services.credit.domain.regions import region_on
from services.credit.domain.rows import LineRow, LoanRow, PushedRow
from shared.kernel.errors import FieldError
from shared.kernel.ids import derived_id

NewT = TypeVar("NewT")
RowT = TypeVar("RowT")
ContentT = TypeVar("ContentT")


@dataclass(slots=True, kw_only=True)
class Judged(Generic[NewT]):
    """The answers of a batch in its order, and what is to be written."""

    answers: list[RowAnswer] = field(default_factory=list[RowAnswer])
    created: list[NewT] = field(default_factory=list[NewT])

    @property
    def refusals(self) -> list[RowAnswer]:
        """The rows that are not taken."""
        return [answer for answer in self.answers if answer.status == "refused"]


def judge_all(
    rows: Sequence[PushedRow[RowT]], judge: Callable[[int, RowT], tuple[RowAnswer, NewT | None]]
) -> Judged[NewT]:
    """Judge every readable row with `judge`, and pass unreadable ones on as refused.

    Units:   none.
    Raises:  what `judge` raises.
    Source:  I1.
    """
    judged: Judged[NewT] = Judged()
    for pushed in rows:
        if pushed.value is None:
            judged.answers.append(refused(pushed.row, pushed.external_id, pushed.errors))
            continue
        answer, new = judge(pushed.row, pushed.value)
        judged.answers.append(answer)
        if new is not None:
            judged.created.append(new)
    return judged


def settle_repeat(row: int, kept: Mapping[str, Kept[ContentT]], content: Any) -> RowAnswer | None:
    """Answer a row whose external id is known already; None for a new one.

    Units:   none.
    Raises:  nothing.
    Source:  I1.
    """
    known = kept.get(content.external_id)
    return repeated(row, known.id, known.content, content) if known else None


def judge_lines(
    rows: Sequence[PushedRow[LineRow]],
    *,
    institution_id: UUID,
    around: Surroundings,
    kept: dict[str, Kept[LineContent]],
    today: date,
) -> Judged[NewLine]:
    """Judge a batch of credit lines; `kept` gains what is taken.

    Units:   fen; local dates.
    Raises:  nothing.
    Source:  I1, ST-04, C7.
    """

    def judge(number: int, row: LineRow) -> tuple[RowAnswer, NewLine | None]:
        outlet, firm = outlet_of(row.outlet, around), firm_of(row.uscc, around)
        if isinstance(outlet, FieldError) or isinstance(firm, FieldError):
            wrong = [e for e in (firm, outlet) if isinstance(e, FieldError)]
            return refused(number, row.external_id, wrong), None
        content = LineContent(
            external_id=row.external_id,
            enterprise_id=firm.enterprise_id,
            outlet_id=outlet,
            amount_fen=row.amount_fen,
            approved_on=row.approved_on,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )
        if answer := settle_repeat(number, kept, content):
            return answer, None
        if errors := refuse_line(row, today):
            return refused(number, row.external_id, errors), None
        line_id = derived_id("credit_line", institution_id, row.external_id)
        kept[row.external_id] = Kept(id=line_id, content=content)
        region_code = region_on(firm.slices, row.approved_on)
        return _created(number, row.external_id, line_id), NewLine(
            line_id=line_id, region_code=region_code, content=content
        )

    return judge_all(rows, judge)


def judge_loans(
    rows: Sequence[PushedRow[LoanRow]],
    *,
    institution_id: UUID,
    around: Surroundings,
    kept: dict[str, Kept[LoanContent]],
    now: datetime,
) -> Judged[NewLoan]:
    """Judge a batch of loan contracts; `kept` gains what is taken.

    Units:   fen; basis points; local dates.
    Raises:  nothing.
    Source:  I1, ST-02, ST-03, C7.
    """

    def judge(number: int, row: LoanRow) -> tuple[RowAnswer, NewLoan | None]:
        outlet, firm = outlet_of(row.outlet, around), firm_of(row.uscc, around)
        line = _line_of(row, around)
        if (
            isinstance(outlet, FieldError)
            or isinstance(firm, FieldError)
            or isinstance(line, FieldError)
        ):
            wrong = [e for e in (firm, outlet, line) if isinstance(e, FieldError)]
            return refused(number, row.external_id, wrong), None
        content = _loan_content(row, firm.enterprise_id, outlet, line)
        if answer := settle_repeat(number, kept, content):
            return answer, None
        if errors := refuse_loan(row, line, firm, now):
            return refused(number, row.external_id, errors), None
        loan_id = derived_id("loan", institution_id, row.external_id)
        kept[row.external_id] = Kept(id=loan_id, content=content)
        return _created(number, row.external_id, loan_id), NewLoan(
            loan_id=loan_id,
            region_code=region_on(firm.slices, row.granted_on),
            content=content,
            classes=classify(row.granted_on, row.matures_on, row.securities),
        )

    return judge_all(rows, judge)


def _line_of(row: LoanRow, around: Surroundings) -> LineTerms | FieldError | None:
    if row.line_external_id is None:
        return None
    found = around.lines.get(row.line_external_id)
    return found or FieldError("line_external_id", "line.unknown", "本机构没有此编号的授信")


def _loan_content(
    row: LoanRow, enterprise_id: UUID, outlet_id: UUID, line: LineTerms | None
) -> LoanContent:
    return LoanContent(
        external_id=row.external_id,
        line_id=line.line_id if line else None,
        enterprise_id=enterprise_id,
        outlet_id=outlet_id,
        amount_fen=row.amount_fen,
        origin=row.origin,
        securities=row.securities,
        annual_rate_bp=row.annual_rate_bp,
        granted_on=row.granted_on,
        matures_on=row.matures_on,
        booked_at=row.booked_at,
        first_loan_claimed=row.claims.first_loan,
        medium_long_claimed=row.claims.medium_long,
        unsecured_claimed=row.claims.unsecured,
        ip_pledged_claimed=row.claims.ip_pledged,
    )


def _created(number: int, external_id: str, id: UUID) -> RowAnswer:
    return RowAnswer(row=number, external_id=external_id, status="created", id=id)
