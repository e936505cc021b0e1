"""Name the branch and the person that answer for an enterprise, many at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.allocation.domain.contacts import Naming, faults_of
from services.allocation.store import assignments
from services.allocation.store.assignments import AssignmentFilter, AssignmentRow, Load
from services.allocation.store.campaigns import Campaign
from services.allocation.usecases.finding import find_campaign
from shared.contracts.allocation import ContactNamed
from shared.kernel.errors import FieldError, NotFound, Refused
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class NameContacts:
    """Rows in the order they were sent."""

    rows: tuple[Naming, ...]


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """What became of one row: named, unchanged, or refused with its errors; `row` from 0."""

    row: int
    assignment_id: UUID
    status: str
    errors: tuple[FieldError, ...] = ()


async def name_contacts(command: NameContacts, tx: Transaction) -> list[RowAnswer]:
    """Take each row that may be taken; one row's fault holds no other up (JS-08, JS-12, A6).

    Naming again hands over; the history is kept (A9). The first row of an assignment counts.
    Raises: Refused `access.no_institution`.
    """
    if tx.principal.institution_id is None:
        raise Refused("access.no_institution", "当前账号没有所属机构")
    held = await assignments.lock_rows(tx, [one.assignment_id for one in command.rows])
    answers = await _judge(command.rows, held, tx)
    namings = [command.rows[one.row] for one in answers if one.status == "named"]
    await assignments.name_contacts(tx, namings)
    for naming in namings:
        _announce(naming, held[naming.assignment_id], tx)
    return answers


async def _judge(
    rows: Sequence[Naming], held: dict[UUID, AssignmentRow], tx: Transaction
) -> list[RowAnswer]:
    known = await assignments.known_today(
        tx, [one.outlet_id for one in rows], [one.staff_id for one in rows]
    )
    own = tx.principal.outlet_id if tx.principal.role == "branch_head" else None
    answers: list[RowAnswer] = []
    seen: set[UUID] = set()
    for number, naming in enumerate(rows):
        row = held.get(naming.assignment_id)
        faults = faults_of(
            naming, assignments.holder_of(row) if row else None, known, own_outlet_id=own
        )
        if naming.assignment_id in seen:
            faults = (FieldError("assignment_id", "contact.repeated", "同一批中重复指定"),)
        seen.add(naming.assignment_id)
        status = "refused" if faults else "unchanged" if _same(naming, row) else "named"
        answers.append(RowAnswer(number, naming.assignment_id, status, faults))
    return answers


def _same(naming: Naming, row: AssignmentRow | None) -> bool:
    return row is not None and (row.outlet_id, row.staff_id) == (naming.outlet_id, naming.staff_id)


def _announce(naming: Naming, row: AssignmentRow, tx: Transaction) -> None:
    assert row.institution_id is not None  # only institutions name contacts
    tx.emit(
        ContactNamed(
            assignment_id=row.assignment_id,
            enterprise_id=row.enterprise_id,
            campaign_id=row.campaign_id,
            institution_id=row.institution_id,
            outlet_id=naming.outlet_id,
            staff_id=naming.staff_id,
            named_on=tx.today,
        )
    )
    tx.audit(
        "contact.named",
        row.assignment_id,
        before={"outlet_id": row.outlet_id, "staff_id": row.staff_id},
        after={"outlet_id": naming.outlet_id, "staff_id": naming.staff_id},
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign with what its institutions have and have named."""

    campaign: Campaign
    overdue: bool
    loads: list[Load]


async def progress_of(tx: Transaction, campaign_id: UUID) -> Progress:
    """How far the caller's institutions are with naming contacts (JS-08).

    Raises: NotFound `campaign.unknown`.
    """
    campaign = await find_campaign(tx, campaign_id)
    loads = await assignments.loads(tx, campaign_id)
    return Progress(campaign, tx.today > campaign.dates.contacts_due_on, loads)


@dataclass(frozen=True, slots=True)
class Overdue:
    """Assignments without a contact after the day, one more than asked for; `days` too late."""

    due_on: date
    days: int
    rows: list[AssignmentRow]


async def overdue(tx: Transaction, campaign_id: UUID, *, after: UUID | None, limit: int) -> Overdue:
    """Which of the caller's assignments have no contact though the day is over (JS-08, A6).

    Raises: NotFound `campaign.unknown`.
    """
    due_on = (await find_campaign(tx, campaign_id)).dates.contacts_due_on
    days = max((tx.today - due_on).days, 0)
    wanted = AssignmentFilter(
        campaign_id=campaign_id, without_contact=True, after=after, limit=limit
    )
    return Overdue(due_on, days, await assignments.page(tx, wanted) if days else [])


async def find_assignment(
    tx: Transaction, assignment_id: UUID
) -> tuple[AssignmentRow, list[assignments.ContactRow]]:
    """One assignment with everyone who was its contact.

    Raises: NotFound `assignment.unknown`.
    """
    row = await assignments.find(tx, assignment_id)
    if row is None:
        raise NotFound("assignment.unknown", "分配不存在或无权查看")
    return row, await assignments.contacts_of(tx, assignment_id)
