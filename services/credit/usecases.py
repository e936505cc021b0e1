"""What credit does: takes a bank's book, keeps applications and decisions, and shows both."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Generic, TypeVar
from uuid import UUID

from services.credit.domain import judging, movements
from services.credit.domain.announcements import (
    application_decided,
    application_filed,
    line_approved,
    loan_granted,
    movement_event,
)
from services.credit.domain.applications import (
    Application,
    Decision,
    Filing,
    above_limit,
    check_decision,
    check_filing,
)
from services.credit.domain.contents import NewMovement
from services.credit.domain.judging import Judged
from services.credit.domain.movements import Ledger
from services.credit.domain.products import product_on
from services.credit.domain.push import RowAnswer
from services.credit.domain.regions import region_on
from services.credit.domain.rows import (
    DrawdownRow,
    LineRow,
    LoanRow,
    PushedRow,
    RepaymentRow,
    ReversalRow,
)
from services.credit.store import applications, contracts, ledgers, listings
from services.credit.store.scope import visible
from services.credit.store.surroundings import slices_of, surroundings
from services.credit.store.taken import TakenMeanwhile, attempt
from shared.contracts.event import Event
from shared.kernel.errors import BadInput, Conflict, FieldError, NotFound, Refused
from shared.platform.approvals import Presented, require
from shared.platform.database import Transaction
from shared.platform.webhooks import announce

RowT = TypeVar("RowT")
ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Push(Generic[RowT]):
    """A batch of a bank's rows; `atomic`: one refused row refuses all."""

    rows: Sequence[PushedRow[RowT]]
    atomic: bool = False

    @property
    def values(self) -> list[RowT]:
        """The readable rows."""
        return [pushed.value for pushed in self.rows if pushed.value is not None]

    @property
    def external_ids(self) -> set[str]:
        """The bank's numbers of the readable rows."""
        return {p.external_id for p in self.rows if p.value is not None and p.external_id}


Entered = tuple[list[RowAnswer], list[Event]]
Enter = Callable[[Push[RowT], UUID, Transaction], Awaitable[Entered]]


async def push_lines(command: Push[LineRow], tx: Transaction) -> list[RowAnswer]:
    """Take a batch of credit lines."""
    return await _push(command, tx, _enter_lines, "credit.lines_pushed")


async def push_loans(command: Push[LoanRow], tx: Transaction) -> list[RowAnswer]:
    """Take a batch of loan contracts."""
    return await _push(command, tx, _enter_loans, "credit.loans_pushed")


async def push_drawdowns(command: Push[DrawdownRow], tx: Transaction) -> list[RowAnswer]:
    """Take a batch of money paid out."""
    return await _push(command, tx, _enter_drawdowns, "credit.drawdowns_pushed")


async def push_repayments(command: Push[RepaymentRow], tx: Transaction) -> list[RowAnswer]:
    """Take a batch of principal paid back."""
    return await _push(command, tx, _enter_repayments, "credit.repayments_pushed")


async def push_reversals(command: Push[ReversalRow], tx: Transaction) -> list[RowAnswer]:
    """Take a batch of drawdowns booked back."""
    return await _push(command, tx, _enter_reversals, "credit.reversals_pushed")


async def _push(
    command: Push[RowT], tx: Transaction, enter: Enter[RowT], action: str
) -> list[RowAnswer]:
    """Enter a batch; where a twin took one of its numbers meanwhile, judge it again."""
    institution_id = _own_institution(tx)
    driver = await tx.driver()
    for _ in range(ATTEMPTS):
        with suppress(TakenMeanwhile):
            async with attempt(driver):
                answers, events = await enter(command, institution_id, tx)
            if command.atomic:
                _all_or_nothing(answers)
            tx.emit(*events)
            _audit_push(tx, action, institution_id, answers)
            return answers
    raise Conflict("push.busy", "同一批数据正在由另一请求写入", "请稍后用新的幂等键重试")


def _own_institution(tx: Transaction) -> UUID:
    institution_id = tx.principal.institution_id
    if institution_id is None:
        raise Refused("access.institution", "此账号不属于任何机构")
    return institution_id


def _all_or_nothing(answers: Sequence[RowAnswer]) -> None:
    errors = [
        FieldError(f"rows.{answer.row}.{error.where}", error.code, error.message)
        for answer in answers
        for error in answer.errors
        if answer.status == "refused"
    ]
    if errors:
        raise BadInput("push.refused", "批次中有被拒绝的行,未写入任何数据", errors=errors)


def _audit_push(
    tx: Transaction, action: str, institution_id: UUID, answers: Sequence[RowAnswer]
) -> None:
    created = [str(answer.id) for answer in answers if answer.status == "created"]
    if created:
        tx.audit(action, institution_id, after={"rows": len(answers), "created": created})


async def _enter_lines(command: Push[LineRow], bank: UUID, tx: Transaction) -> Entered:
    driver = await tx.driver()
    around = await surroundings(driver, bank, usccs={row.uscc for row in command.values})
    kept = await contracts.kept_lines(driver, bank, command.external_ids)
    judged = judging.judge_lines(
        command.rows, institution_id=bank, around=around, kept=kept, today=tx.today
    )
    if judged.created:
        await contracts.add_lines(driver, bank, judged.created, tx.now)
    return judged.answers, [line_approved(line, bank) for line in judged.created]


async def _enter_loans(command: Push[LoanRow], bank: UUID, tx: Transaction) -> Entered:
    driver = await tx.driver()
    around = await surroundings(
        driver,
        bank,
        usccs={row.uscc for row in command.values},
        line_external_ids={row.line_external_id for row in command.values if row.line_external_id},
    )
    kept = await contracts.kept_loans(driver, bank, command.external_ids)
    judged = judging.judge_loans(
        command.rows, institution_id=bank, around=around, kept=kept, now=tx.now
    )
    if judged.created:
        await contracts.add_loans(driver, bank, judged.created, tx.now)
    return judged.answers, [loan_granted(loan, bank) for loan in judged.created]


async def _enter_drawdowns(command: Push[DrawdownRow], bank: UUID, tx: Transaction) -> Entered:
    named = _earliest([(row.loan_external_id, row.drawn_on) for row in command.values])
    ledger = await ledgers.ledger_of_loans(
        await tx.driver(), bank, "drawdown", external_ids=command.external_ids, named=named
    )
    return await _write(ledger, movements.judge_drawdowns(command.rows, ledger, tx.today), tx)


async def _enter_repayments(command: Push[RepaymentRow], bank: UUID, tx: Transaction) -> Entered:
    named = _earliest([(row.loan_external_id, row.repaid_on) for row in command.values])
    ledger = await ledgers.ledger_of_loans(
        await tx.driver(), bank, "repayment", external_ids=command.external_ids, named=named
    )
    return await _write(ledger, movements.judge_repayments(command.rows, ledger, tx.today), tx)


async def _enter_reversals(command: Push[ReversalRow], bank: UUID, tx: Transaction) -> Entered:
    named = _earliest([(row.drawdown_external_id, row.reversed_on) for row in command.values])
    ledger = await ledgers.ledger_of_drawdowns(
        await tx.driver(), bank, external_ids=command.external_ids, named=named
    )
    return await _write(ledger, movements.judge_reversals(command.rows, ledger, tx.today), tx)


def _earliest(named: Collection[tuple[str, date]]) -> dict[str, date]:
    days: dict[str, date] = {}
    for number, day in named:
        days[number] = min(days.get(number, day), day)
    return days


async def _write(ledger: Ledger, judged: Judged[NewMovement], tx: Transaction) -> Entered:
    if judged.created:
        await ledgers.add_movements(await tx.driver(), ledger, judged.created, tx.now)
    return judged.answers, [movement_event(m, ledger.institution_id) for m in judged.created]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileApplication:
    """An enterprise applies; someone of the bank enters it for their own institution."""

    application_id: UUID
    campaign_id: UUID | None
    enterprise_id: UUID
    outlet_id: UUID
    product_code: str
    amount_fen: int
    filed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideApplication:
    """The bank's answer to an application."""

    application_id: UUID
    decision: Decision
    approval: Presented


async def file_application(command: FileApplication, tx: Transaction) -> Application:
    """Enter an application; the same one again is answered as the first time."""
    application = await _judged_filing(command, _own_institution(tx), tx)
    driver = await tx.driver()
    if not await applications.add(driver, application, tx.now):
        return await _same_filing(application, tx)
    tx.emit(application_filed(application))
    tx.audit(
        "application.filed",
        command.application_id,
        after={"product_code": command.product_code, "amount_fen": command.amount_fen},
    )
    return application


async def _judged_filing(command: FileApplication, bank: UUID, tx: Transaction) -> Application:
    driver = await tx.driver()
    filing = Filing(
        application_id=command.application_id,
        campaign_id=command.campaign_id,
        enterprise_id=command.enterprise_id,
        institution_id=bank,
        outlet_id=command.outlet_id,
        product_code=command.product_code,
        amount_fen=command.amount_fen,
        filed_on=command.filed_on,
    )
    check_filing(filing, tx.today)
    product = product_on(command.product_code, command.filed_on)
    if await applications.outlet_institution(driver, command.outlet_id) != bank:
        raise BadInput("outlet.unknown", "本机构没有此网点")
    slices = (await slices_of(driver, [command.enterprise_id])).get(command.enterprise_id)
    if not slices:
        raise NotFound("enterprise.unknown", "平台名单中没有此企业")
    return Application(
        filing=filing,
        product_version=product.version,
        region_code=region_on(slices, command.filed_on),
        on_own_list=await applications.on_list(
            driver, command.enterprise_id, bank, command.filed_on
        ),
        decision=None,
    )


async def _same_filing(application: Application, tx: Transaction) -> Application:
    application_id = application.filing.application_id
    seen = visible("a", tx.principal, tx.today)
    kept = await applications.find(await tx.driver(), application_id, seen)
    if kept is None or kept.filing != application.filing:
        raise Conflict("application.id_taken", "此申请编号已用于另一申请")
    return kept


async def decide_application(command: DecideApplication, tx: Transaction) -> Application:
    """Record the bank's decision; only the application's own institution may (JS-03).

    More than the product's limit takes two people of the bank (M2).
    Raises: NotFound `application.unknown`; what `check_decision` raises; Conflict `approval.*`.
    """
    _own_institution(tx)
    driver = await tx.driver()
    seen = visible("a", tx.principal, tx.today)
    application = await applications.find(driver, command.application_id, seen, lock=True)
    if application is None:
        raise _no_application()
    check_decision(application, command.decision, tx.today)
    if above_limit(application, command.decision):
        subject = str(command.application_id)
        await require(tx, command.approval, action="application.override", subject=subject)
    await applications.decide(driver, command.application_id, command.decision, tx.now)
    slices = await slices_of(driver, [application.filing.enterprise_id])
    region_code = region_on(slices[application.filing.enterprise_id], command.decision.decided_on)
    decided = application_decided(application, command.decision, region_code)
    tx.emit(decided)
    await announce(tx, [decided])
    tx.audit(
        "application.decided",
        command.application_id,
        before={"state": application.state},
        after={
            "approved": command.decision.approved,
            "amount_fen": command.decision.amount_fen or 0,
            "reason_code": command.decision.reason_code,
        },
    )
    return replace(application, decision=command.decision)


def _no_application() -> NotFound:
    return NotFound("application.unknown", "没有此申请")


async def find_application(tx: Transaction, application_id: UUID) -> Application:
    """An application the caller may see."""
    seen = visible("a", tx.principal, tx.today)
    found = await applications.find(await tx.driver(), application_id, seen)
    if found is None:
        raise _no_application()
    return found


async def list_applications(
    tx: Transaction,
    *,
    enterprise_id: UUID | None,
    state: applications.State | None,
    after: tuple[date, UUID] | None,
    limit: int,
) -> list[Application]:
    """Applications the caller may see, newest first."""
    seen = visible("a", tx.principal, tx.today)
    return await applications.page(
        await tx.driver(),
        seen,
        enterprise_id=enterprise_id,
        state=state,
        after=after,
        limit=limit,
    )


async def list_loans(tx: Transaction, query: listings.BookQuery) -> list[listings.LoanView]:
    """Loans the caller may see."""
    return await listings.loans(await tx.driver(), visible("l", tx.principal, tx.today), query)


async def list_lines(tx: Transaction, query: listings.BookQuery) -> list[listings.LineView]:
    """Lines the caller may see."""
    return await listings.lines(await tx.driver(), visible("l", tx.principal, tx.today), query)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanFile:
    """A loan with all money moved under it."""

    loan: listings.LoanView
    movements: list[listings.MovementView]


async def find_loan(tx: Transaction, loan_id: UUID) -> LoanFile:
    """A loan the caller may see."""
    driver = await tx.driver()
    found = await listings.loan(driver, loan_id, visible("l", tx.principal, tx.today))
    if found is None:
        raise NotFound("loan.unknown", "没有此贷款")
    return LoanFile(loan=found, movements=await listings.movements(driver, loan_id))
