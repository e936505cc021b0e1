"""Lists from year to year, times on the list, and whether an enterprise has loans."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.registry.domain.memberships import Membership, memberships
from services.registry.store import vintages as store
from services.registry.store.imports import lock_kind
from services.registry.store.queries import find_enterprise, vintages_of
from services.registry.store.vintages import Difference, LoanStatement, Vintage
from services.registry.usecases.imports import find_import
from shared.contracts.registry import LoanStatusStated
from shared.kernel.errors import NotFound, RuleViolation
from shared.platform.database import Transaction


async def list_vintages(tx: Transaction) -> list[Vintage]:
    """All lists, the newest first."""
    return await store.vintages(tx)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two lists and how many enterprises came, went, changed and stayed."""

    newer: str
    older: str
    counts: dict[str, int]


async def compare(tx: Transaction, newer: str, older: str | None) -> Compared:
    """A list beside an older one: the one before it, where none is named.

    Raises: NotFound `list.unknown`, `list.no_older`.
    """
    older = await _older(tx, newer, older)
    return Compared(newer, older, await store.count_differences(tx, newer, older))


async def list_differences(
    tx: Transaction,
    newer: str,
    older: str | None,
    *,
    changes: tuple[str, ...],
    after: UUID | None,
    limit: int,
) -> list[Difference]:
    """The enterprises behind the counts.

    Raises: NotFound `list.unknown`, `list.no_older`.
    """
    older = await _older(tx, newer, older)
    return await store.differences(tx, newer, older, changes=changes, after=after, limit=limit)


async def _older(tx: Transaction, newer: str, older: str | None) -> str:
    known = [each.list_vintage for each in await store.vintages(tx)]
    if newer not in known or (older is not None and older not in known):
        raise NotFound("list.unknown", "没有这一期名单")
    if older is not None:
        return older
    before = [each for each in known if each < newer]
    if not before:
        raise NotFound("list.no_older", "没有更早的名单可比较")
    return before[0]


async def dropped_by_import(
    tx: Transaction, import_id: UUID, after: str | None, limit: int
) -> list[tuple[UUID, str, str]]:
    """Who stood on the list an import is compared with and is not in its file.

    Raises: NotFound `import.unknown`.
    """
    job = (await find_import(tx, import_id)).job
    if job.kind != "enterprises" or job.baseline is None:
        return []
    return await store.dropped_by(tx, import_id, job.baseline, after=after, limit=limit)


async def memberships_of(tx: Transaction, enterprise_id: UUID) -> list[Membership]:
    """An enterprise's times on the list.

    Raises: NotFound `enterprise.unknown`.
    """
    await _must_see(tx, enterprise_id)
    return memberships(await vintages_of(tx, enterprise_id))


async def loans_of(tx: Transaction, enterprise_id: UUID) -> list[LoanStatement]:
    """What was said of an enterprise's loans, the latest day first.

    Raises: NotFound `enterprise.unknown`.
    """
    await _must_see(tx, enterprise_id)
    return await store.loan_statements(tx, enterprise_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLoan:
    """A bank's or a regulator's answer: has the enterprise a loan as of a day?"""

    enterprise_id: UUID
    has_loan: bool
    as_of: date


async def state_loan(command: StateLoan, tx: Transaction) -> list[LoanStatement]:
    """Keep an answer, dated; the latest day counts from then on (JS-05).

    Raises: NotFound `enterprise.unknown`; RuleViolation `loan.in_future`.
    """
    await _must_see(tx, command.enterprise_id)
    if command.as_of > tx.today:
        raise RuleViolation("loan.in_future", "日期不能晚于今天")
    bank = tx.principal.institution_id
    source = f"bank:{bank}" if bank else "regulator"
    await _state(
        tx, command.enterprise_id, command.as_of, source, has_loan=command.has_loan, bank=bank
    )
    tx.audit(
        "loan.stated",
        command.enterprise_id,
        after={"has_loan": command.has_loan, "as_of": command.as_of},
    )
    return await store.loan_statements(tx, command.enterprise_id)


async def book_balance(
    tx: Transaction, enterprise_id: UUID, on: date, fen: int, institution_id: UUID
) -> None:
    """Follow a bank's bookings: the first money drawn is a loan, the last repaid ends what we know.

    Where a list or an answer had said before that there is a loan, another bank may still have one:
    then it is no longer known.
    """
    await lock_kind(tx, "enterprises")  # an import holds rows in an order of its own
    before, after = await store.move_balance(tx, enterprise_id, fen)
    if before <= 0 < after:
        await _state(tx, enterprise_id, on, "loan", has_loan=True, bank=institution_id)
    elif before > 0 >= after:
        others = [
            each for each in await store.loan_statements(tx, enterprise_id) if each.source != "loan"
        ]
        said = others[0].has_loan if others else False
        left = None if said else False
        await _state(tx, enterprise_id, on, "loan", has_loan=left, bank=institution_id)


async def _state(
    tx: Transaction,
    enterprise_id: UUID,
    as_of: date,
    source: str,
    *,
    has_loan: bool | None,
    bank: UUID | None,
) -> None:
    await store.state_loan(tx, enterprise_id, as_of, source, has_loan=has_loan, institution_id=bank)
    (latest, *_) = await store.loan_statements(tx, enterprise_id)
    await store.show_loan(tx, enterprise_id, has_loan=latest.has_loan)
    tx.emit(
        LoanStatusStated(
            enterprise_id=enterprise_id,
            has_loan=has_loan,
            source="bookings" if source == "loan" else "answer",
            valid_from=as_of,
        )
    )


async def _must_see(tx: Transaction, enterprise_id: UUID) -> None:
    if await find_enterprise(tx, enterprise_id) is None:
        raise NotFound("enterprise.unknown", "没有这家企业,或不在您的管辖范围内")
