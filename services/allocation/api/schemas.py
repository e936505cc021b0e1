"""The JSON of allocation."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from services.allocation.domain.contacts import Naming
from services.allocation.domain.planning import LoadRow
from services.allocation.domain.splitting import BP, Shortage
from services.allocation.store.assignments import AssignmentRow, ContactRow, Load
from services.allocation.store.campaigns import Campaign
from services.allocation.store.plans import CityRow, RowOfPlan, StoredPlan
from services.allocation.usecases.contacts import Progress, RowAnswer
from services.allocation.usecases.planning import Started
from services.allocation.usecases.publishing import Publishing
from services.allocation.usecases.reading import PlanView, Replay
from shared.kernel.errors import BadInput, FieldError
from shared.platform.fields import FieldProblem
from shared.platform.web import In, Out

MOST_CONTACTS = 1_000
LARGEST_SEED = 2**63 - 1


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
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED, strict=True)]
Tier = Annotated[int, Field(ge=1, le=2, strict=True)]


class CampaignIn(In):
    """A campaign to open."""

    profile: Code
    name: Annotated[Text, Field(max_length=100)]
    list_vintage: Day
    opens_on: Day


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
        )


class CampaignPage(Out):
    """All campaigns, newest first."""

    items: list[CampaignOut]
    next_cursor: str | None = None


class PlanIn(In):
    """A plan to solve: the same tier, seed and facts give the same plan."""

    tier: Tier
    seed: Seed


class RotationIn(In):
    """A round of rotation to solve."""

    rotated_on: Day
    seed: Seed


class StartedOut(Out):
    """Long work was started: ask for the plan or the job."""

    plan_id: UUID
    job_id: UUID
    version: int | None = None

    @classmethod
    def of(cls, started: Started | Publishing) -> "StartedOut":
        """From what a use case answers."""
        return cls(
            plan_id=started.plan_id,
            job_id=started.job_id,
            version=started.version if isinstance(started, Started) else None,
        )


class LoadOut(Out):
    """One receiver's part; `fill` and `deviation` are ratios (1.0 = full, 0.05 = 5 % above)."""

    city_code: str
    bureau_code: str | None
    institution_id: UUID | None
    capacity: int
    carried: int
    quota: int
    assigned: int
    hard: int
    fill: float
    deviation: float
    mean_m: int
    price_m: int

    @classmethod
    def of(cls, load: LoadRow) -> "LoadOut":
        """From the load report."""
        return cls(
            city_code=load.city_code,
            bureau_code=load.bureau_code,
            institution_id=load.institution_id,
            capacity=load.capacity,
            carried=load.carried,
            quota=load.quota,
            assigned=load.assigned,
            hard=load.hard,
            fill=load.fill_bp / BP,
            deviation=load.deviation_bp / BP,
            mean_m=load.mean_m,
            price_m=load.price_m,
        )


class ShortageOut(Out):
    """Why some have no place: these enterprises may go to these full institutions only."""

    city_code: str
    institution_ids: list[UUID]
    slots: int
    enterprises: int
    short: int

    @classmethod
    def of(cls, city_code: str, shortage: Shortage) -> "ShortageOut":
        """From a city's closed set."""
        return cls(
            city_code=city_code,
            institution_ids=list(shortage.institution_ids),
            slots=shortage.slots,
            enterprises=len(shortage.enterprise_ids),
            short=shortage.short,
        )


class CityOut(Out):
    """A city's solution: `violations` 0 proves it cheapest; `digest` is of who got whom."""

    city_code: str
    listed: int
    exhausted: int
    longest_m: int
    violations: int
    digest: str


class PlanOut(Out):
    """A plan without its load: for lists."""

    plan_id: UUID
    campaign_id: UUID
    tier: int
    version: int
    round: int
    seed: int
    state: str
    publishing: bool
    progress: float
    stage: str
    job_id: UUID
    publication_job_id: UUID | None
    rests_on: UUID | None
    rotated_on: date | None
    assigned: int | None
    unassigned: int | None
    exhausted: int | None
    moved: int | None
    gini: float | None
    failure_code: str | None
    failure: str | None
    created_at: datetime
    published_at: datetime | None
    published_on: date | None
    superseded_by: UUID | None

    @classmethod
    def fields_of(cls, plan: StoredPlan) -> dict[str, Any]:
        """The fields a list and a single view share."""
        names = set(PlanOut.model_fields) - {"gini", "state"}
        gini = None if plan.gini_bp is None else plan.gini_bp / BP
        return {name: getattr(plan, name) for name in names} | {
            "gini": gini,
            "state": plan.state.value,
        }

    @classmethod
    def of(cls, plan: StoredPlan) -> "PlanOut":
        """From the plan."""
        return cls(**cls.fields_of(plan))


class PlanPage(Out):
    """A campaign's plans, newest first."""

    items: list[PlanOut]
    next_cursor: str | None = None


class PlanViewOut(PlanOut):
    """A plan with its load report, the proof of each city, and why some have no place."""

    load: list[LoadOut]
    cities: list[CityOut]
    shortages: list[ShortageOut]

    @classmethod
    def seen(cls, view: PlanView) -> "PlanViewOut":
        """From the plan and its reports."""
        return cls(
            **cls.fields_of(view.plan),
            load=[LoadOut.of(one) for one in view.load],
            cities=[_city(one) for one in view.cities],
            shortages=[ShortageOut.of(city, one) for city, one in view.shortages],
        )


def _city(row: CityRow) -> CityOut:
    return CityOut(**{name: getattr(row, name) for name in CityOut.model_fields})


class ReplayOut(Out):
    """A city solved again from its stored inputs: the digests agree, or something was tampered."""

    city_code: str
    stored_digest: str
    replayed_digest: str
    same: bool

    @classmethod
    def of(cls, replay: Replay) -> "ReplayOut":
        """From the replay."""
        return cls(
            city_code=replay.city_code,
            stored_digest=replay.stored_digest,
            replayed_digest=replay.replayed_digest,
            same=replay.stored_digest == replay.replayed_digest,
        )


class PlanRowOut(Out):
    """Where a plan sends an enterprise, and why."""

    enterprise_id: UUID
    region_code: str
    city_code: str
    node_kind: str
    bureau_code: str | None
    institution_id: UUID | None
    nearest_outlet_id: UUID | None
    distance_m: int | None
    reason: dict[str, Any]

    @classmethod
    def of(cls, row: RowOfPlan) -> "PlanRowOut":
        """From the plan's row."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class PlanRowPage(Out):
    """Rows of a plan by enterprise."""

    items: list[PlanRowOut]
    next_cursor: str | None


class AssignmentOut(Out):
    """An enterprise in someone's care, with its contact."""

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

    @classmethod
    def of(cls, row: AssignmentRow) -> "AssignmentOut":
        """From the assignment."""
        return cls(**{name: getattr(row, name) for name in AssignmentOut.model_fields})


class AssignmentPage(Out):
    """Assignments by id."""

    items: list[AssignmentOut]
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
    """An institution's enterprises, and for how many a contact is named."""

    institution_id: UUID
    name: str | None
    institution_type: str | None
    assigned: int
    contacted: int
    missing: int

    @classmethod
    def of(cls, load: Load) -> "InstitutionLoadOut":
        """From the count."""
        return cls(
            institution_id=load.institution_id,
            name=load.name,
            institution_type=load.institution_type,
            assigned=load.assigned,
            contacted=load.contacted,
            missing=load.assigned - load.contacted,
        )


class ProgressOut(Out):
    """How far the institutions are; `overdue`: the day for naming contacts has passed (JS-08)."""

    campaign_id: UUID
    contacts_due_on: date
    overdue: bool
    assigned: int
    contacted: int
    missing: int
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
            items=[one for one in items if one.missing or not missing_only],
        )
