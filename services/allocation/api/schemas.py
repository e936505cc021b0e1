"""The JSON of allocation."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from services.allocation.domain.contacts import Naming
from services.allocation.store.assignments import AssignmentRow, ContactRow, Load
from services.allocation.store.campaigns import Campaign
from services.allocation.usecases.contacts import Progress, RowAnswer
from shared.kernel.errors import BadInput, FieldError
from shared.platform.fields import FieldProblem
from shared.platform.web import In, Out

MOST_CONTACTS = 1_000


def _day(value: object) -> object:
    """A day is written as a day: a number or an instant would be a guess."""
    if isinstance(value, str) and len(value) == 10:
        return value
    raise FieldProblem(BadInput("date.format", "日期格式不正确", "应为 2022-09-30 的形式"))


def _printable(text: str) -> str:
    if not text.strip() or any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
        raise FieldProblem(BadInput("text.control_character", "文字为空或含有控制字符"))
    return text.strip()


Day = Annotated[date, BeforeValidator(_day)]
Text = Annotated[str, AfterValidator(_printable)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class CampaignIn(In):
    """A campaign to open; `institution_id` where its tree begins at one bank."""

    profile: Code
    name: Annotated[Text, Field(max_length=100)]
    list_vintage: Day
    opens_on: Day
    institution_id: UUID | None = None


class ClosureIn(In):
    """Why a campaign ends."""

    reason: Annotated[Text, Field(max_length=200)]


class CampaignOut(Out):
    """A campaign with its calendar."""

    campaign_id: UUID
    name: str
    profile: str
    profile_title: str
    province_code: str
    list_vintage: str
    opens_on: date
    visits_from: date
    visits_until: date
    contacts_due_on: date
    rotation_on: date
    state: str
    enrolled: int
    job_id: UUID
    closed_on: date | None
    close_reason: str | None
    institution_id: UUID | None

    @classmethod
    def of(cls, campaign: Campaign) -> "CampaignOut":
        """From the campaign."""
        dates = campaign.dates
        return cls(
            campaign_id=campaign.campaign_id,
            name=campaign.name,
            profile=campaign.profile.code,
            profile_title=campaign.profile.title_zh,
            province_code=campaign.profile.scope.province_code,
            list_vintage=campaign.list_vintage,
            opens_on=dates.opens_on,
            visits_from=dates.visits_from,
            visits_until=dates.visits_until,
            contacts_due_on=dates.contacts_due_on,
            rotation_on=dates.rotation_on,
            state=campaign.state,
            enrolled=campaign.enrolled,
            job_id=campaign.job_id,
            closed_on=campaign.closed_on,
            close_reason=campaign.close_reason,
            institution_id=campaign.institution_id,
        )


class EnrolmentOut(Out):
    """The job that enrols late arrivals."""

    job_id: UUID


class CampaignPage(Out):
    """All campaigns, newest first."""

    items: list[CampaignOut]
    next_cursor: str | None = None


class AssignmentOut(Out):
    """An enterprise in someone's care, with its contact.

    `merged_into`: the enterprise that it is one with (R3). Who has it keeps the duty for that one,
    beside whoever has that one, until it is given back or the next plan takes it away.
    `duty`: the tier at which it became a bank's; above are bureaus, below the bank's own nodes.
    """

    assignment_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    plan_id: UUID
    tier: int
    bureau_code: str | None
    institution_id: UUID | None
    region_code: str
    round: int
    assigned_on: date
    nearest_outlet_id: UUID | None
    distance_m: int | None
    outlet_id: UUID | None
    staff_id: UUID | None
    contact_named_on: date | None
    state: str
    ended_on: date | None
    end_reason: str | None
    merged_into: UUID | None
    duty: bool
    node_kind: str
    node_city: str | None
    node_outlet_id: UUID | None
    node_id: UUID | None

    @classmethod
    def of(cls, row: AssignmentRow) -> "AssignmentOut":
        """From the assignment."""
        return cls(**{name: getattr(row, name) for name in AssignmentOut.model_fields})


class AssignmentPage(Out):
    """Assignments by id."""

    items: list[AssignmentOut]
    next_cursor: str | None


class OverdueOut(AssignmentOut):
    """An assignment without a contact, and how many days too late it is."""

    overdue_days: int

    @classmethod
    def late(cls, row: AssignmentRow, days: int) -> "OverdueOut":
        """From the assignment."""
        return cls(**AssignmentOut.of(row).model_dump(), overdue_days=days)


class OverduePage(Out):
    """What has no contact after the day for naming them, by id; before that day nothing."""

    contacts_due_on: date
    items: list[OverdueOut]
    next_cursor: str | None


class ContactOut(Out):
    """Who was named from a day on."""

    number: int
    outlet_id: UUID
    staff_id: UUID
    named_on: date


class AssignmentDetailOut(AssignmentOut):
    """An assignment with everyone who was its contact, oldest first."""

    contacts: list[ContactOut]

    @classmethod
    def seen(cls, found: tuple[AssignmentRow, list[ContactRow]]) -> "AssignmentDetailOut":
        """From the assignment and its history."""
        row, contacts = found
        return cls(
            **AssignmentOut.of(row).model_dump(),
            contacts=[ContactOut.model_validate(one) for one in contacts],
        )


class ContactIn(In):
    """The branch and the person that shall answer for an enterprise."""

    assignment_id: UUID
    outlet_id: UUID
    staff_id: UUID


class ContactsIn(In):
    """Up to 1,000 contacts to name."""

    rows: Annotated[tuple[ContactIn, ...], Field(min_length=1, max_length=MOST_CONTACTS)]

    def namings(self) -> tuple[Naming, ...]:
        """The rows as the rules take them."""
        return tuple(Naming(one.assignment_id, one.outlet_id, one.staff_id) for one in self.rows)


class FaultOut(Out):
    """What is wrong, where, in words."""

    where: str
    code: str
    message: str

    @classmethod
    def of(cls, fault: FieldError) -> "FaultOut":
        """From the rule's answer."""
        return cls(where=fault.where, code=fault.code, message=fault.message)


class ContactAnswerOut(Out):
    """What became of one row (`row` counts from 0): named, unchanged or refused."""

    row: int
    assignment_id: UUID
    status: str
    errors: list[FaultOut]


class ContactsOut(Out):
    """One answer per row, in their order."""

    rows: list[ContactAnswerOut]
    named: int
    unchanged: int
    refused: int

    @classmethod
    def of(cls, answers: list[RowAnswer]) -> "ContactsOut":
        """From the answers."""
        count = [one.status for one in answers].count
        return cls(
            rows=[
                ContactAnswerOut(
                    row=one.row,
                    assignment_id=one.assignment_id,
                    status=one.status,
                    errors=[FaultOut.of(fault) for fault in one.errors],
                )
                for one in answers
            ],
            named=count("named"),
            unchanged=count("unchanged"),
            refused=count("refused"),
        )


class InstitutionLoadOut(Out):
    """An institution's enterprises, or a branch's, and for how many a contact is named.

    `claimed` beside them are those the institution took on outside its list (JS-21).
    """

    institution_id: UUID
    node_city: str | None
    name: str | None
    institution_type: str | None
    assigned: int
    contacted: int
    missing: int
    contact_rate: float
    claimed: int

    @classmethod
    def of(cls, load: Load) -> "InstitutionLoadOut":
        """From the count."""
        return cls(
            institution_id=load.institution_id,
            node_city=load.node_city,
            name=load.name,
            institution_type=load.institution_type,
            assigned=load.assigned,
            contacted=load.contacted,
            missing=load.assigned - load.contacted,
            contact_rate=load.contacted / load.assigned if load.assigned else 1,
            claimed=load.claimed,
        )


class ProgressOut(Out):
    """How far the institutions are; `overdue`: the day for naming contacts has passed (JS-08)."""

    campaign_id: UUID
    contacts_due_on: date
    overdue: bool
    assigned: int
    contacted: int
    missing: int
    claimed: int
    items: list[InstitutionLoadOut]
    next_cursor: str | None = None

    @classmethod
    def of(cls, progress: Progress, *, missing_only: bool) -> "ProgressOut":
        """From the counts; `missing_only` leaves out who is done."""
        items = [InstitutionLoadOut.of(one) for one in progress.loads]
        return cls(
            campaign_id=progress.campaign.campaign_id,
            contacts_due_on=progress.campaign.dates.contacts_due_on,
            overdue=progress.overdue and any(one.missing for one in items),
            assigned=sum(one.assigned for one in items),
            contacted=sum(one.contacted for one in items),
            missing=sum(one.missing for one in items),
            claimed=sum({one.institution_id: one.claimed for one in items}.values()),
            items=[one for one in items if one.missing or not missing_only],
        )
