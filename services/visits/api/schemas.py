"""The JSON of visits."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from services.visits.domain.model import (
    Interviewee,
    IntervieweeRole,
    Need,
    Place,
    Purpose,
    TaskState,
    VisitReport,
    VoidReason,
)
from services.visits.store.needs import NeedRow
from services.visits.store.photos import Photo
from services.visits.store.refusals import RefusalRow
from services.visits.store.tasks import TaskRow
from services.visits.store.visits import VisitRow
from services.visits.usecases import VisitAnswer
from shared.kernel.errors import BadInput
from shared.platform.fields import FieldProblem, YuanIn, YuanOut
from shared.platform.web import In, Out

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def _printable(text: str) -> str:
    """Neither the database nor UTF-8 can hold a NUL or half of a surrogate pair."""
    if _UNPRINTABLE.search(text):
        raise FieldProblem(BadInput("text.control_character", "文字中含有控制字符"))
    return text


def _day(value: object) -> object:
    """A day is written as a day: a number or an instant would be a guess."""
    if isinstance(value, str) and len(value) == 10:
        return value
    raise FieldProblem(BadInput("date.format", "日期格式不正确", "应为 2022-09-30 的形式"))


def _distinct(values: tuple[UUID, ...]) -> tuple[UUID, ...]:
    if len(set(values)) != len(values):
        raise FieldProblem(BadInput("list.repeated", "列表中有重复项"))
    return values


Text = Annotated[str, AfterValidator(_printable)]
Day = Annotated[date, BeforeValidator(_day)]
#: A phone's clock may lie, but not by a century; days at the calendar's ends have no local form.
Instant = Annotated[
    AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2100, 1, 1, tzinfo=UTC))
]
Ids = Annotated[tuple[UUID, ...], AfterValidator(_distinct)]
Degrees = Annotated[float, Field(allow_inf_nan=False)]


class IntervieweeIn(In):
    """Whom the team spoke with."""

    role: IntervieweeRole
    name: Annotated[Text, Field(max_length=64)]


class PlaceIn(In):
    """Where the phone was."""

    longitude: Annotated[Degrees, Field(ge=-180, le=180)]
    latitude: Annotated[Degrees, Field(ge=-90, le=90)]
    accuracy_m: Annotated[Degrees, Field(ge=0, le=100_000)]
    datum: Literal["WGS-84"] = "WGS-84"


class NeedIn(In):
    """What the enterprise asks for; the amount in yuan as text."""

    amount: Annotated[YuanIn, Field(gt=0)]
    purpose: Purpose
    term_months: Annotated[int, Field(ge=1, le=480, strict=True)]


class VisitIn(In):
    """A team's report of one visit."""

    visit_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    visited_on: Day
    started_at: Instant | None = None
    staff_ids: Annotated[Ids, Field(min_length=1, max_length=20)]
    interviewee: IntervieweeIn | None = None
    place: PlaceIn | None = None
    photo_ids: Annotated[Ids, Field(max_length=20)] = ()
    told_campaign: bool
    told_qr: bool
    need: NeedIn | None = None
    note: Annotated[Text, Field(max_length=2000)] | None = None

    def report(self) -> VisitReport:
        """The report the rules work on."""
        who, place, need = self.interviewee, self.place, self.need
        return VisitReport(
            visit_id=self.visit_id,
            campaign_id=self.campaign_id,
            enterprise_id=self.enterprise_id,
            visited_on=self.visited_on,
            started_at=self.started_at,
            staff_ids=self.staff_ids,
            interviewee=Interviewee(who.role, who.name) if who else None,
            place=Place(place.longitude, place.latitude, place.accuracy_m) if place else None,
            photo_ids=self.photo_ids,
            told_campaign=self.told_campaign,
            told_qr=self.told_qr,
            need=Need(need.amount, need.purpose, need.term_months) if need else None,
            note=self.note,
        )


class VisitAnswerOut(Out):
    """Whether the visit counts, what it lacks, and what a reviewer will look at."""

    visit_id: UUID
    complete: bool
    missing: tuple[str, ...]
    flags: tuple[str, ...]
    need_id: UUID | None

    @classmethod
    def of(cls, answer: VisitAnswer) -> "VisitAnswerOut":
        """From the use case's answer."""
        return cls.model_validate(answer)


class PlaceOut(Out):
    """Where the phone was, WGS-84."""

    longitude: float
    latitude: float
    accuracy_m: float


class IntervieweeOut(Out):
    """Whom the team spoke with."""

    role: str
    name: str


class NeedBriefOut(Out):
    """The need stated during the visit."""

    need_id: UUID
    amount: YuanOut
    purpose: str
    term_months: int


class VisitOut(Out):
    """A visit in a list: without personal data."""

    visit_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    assignment_id: UUID
    region_code: str
    visited_on: date
    staff_ids: tuple[UUID, ...]
    photo_ids: tuple[UUID, ...]
    told_campaign: bool
    told_qr: bool
    complete: bool
    missing: tuple[str, ...]
    flags: tuple[str, ...]
    need: NeedBriefOut | None
    state: Literal["recorded", "void"]
    voided_on: date | None
    void_reason_code: str | None
    recorded_at: datetime

    @classmethod
    def of(cls, row: VisitRow) -> "VisitOut":
        """From the visit's row."""
        return cls.model_validate(_shown(row))


class VisitDetailOut(VisitOut):
    """One visit, with what only someone who opens it needs to see."""

    started_at: datetime | None
    interviewee: IntervieweeOut | None
    place: PlaceOut | None
    note: str | None
    void_reason: str | None


def detail_of(row: VisitRow) -> VisitDetailOut:
    """One visit with its personal data."""
    return VisitDetailOut.model_validate(_shown(row))


def _shown(row: VisitRow) -> dict[str, object]:
    names = [name for name in VisitDetailOut.model_fields if name not in ("need", "state")]
    need = None
    if row.need_id is not None:
        need = NeedBriefOut(
            need_id=row.need_id,
            amount=row.amount_fen or 0,
            purpose=row.purpose or "",
            term_months=row.term_months or 0,
        )
    shown: dict[str, object] = {name: getattr(row, name) for name in names}
    shown["need"] = need
    shown["state"] = "void" if row.void_reason_code else "recorded"
    return shown


class VisitPage(Out):
    """A page of visits."""

    items: list[VisitOut]
    next_cursor: str | None


class VoidIn(In):
    """Why a record was never true."""

    reason_code: VoidReason
    reason: Annotated[Text, Field(min_length=2, max_length=500)]


class TaskOut(Out):
    """An enterprise to visit; its name is registry's to give."""

    enterprise_id: UUID
    assignment_id: UUID
    campaign_id: UUID
    institution_id: UUID
    outlet_id: UUID | None
    staff_id: UUID | None
    name: str | None = None
    region_code: str | None
    due_on: date
    state: TaskState
    last_visit_on: date | None
    visit_complete: bool | None

    @classmethod
    def of(cls, row: TaskRow) -> "TaskOut":
        """From the task's row."""
        return cls(
            enterprise_id=row.enterprise_id,
            assignment_id=row.assignment_id,
            campaign_id=row.campaign_id,
            institution_id=row.institution_id,
            outlet_id=row.outlet_id,
            staff_id=row.staff_id,
            region_code=row.region_code,
            due_on=row.due_on,
            state=row.state,
            last_visit_on=row.last_visit_on,
            visit_complete=row.visit_complete,
        )


class TaskPage(Out):
    """A page of tasks."""

    items: list[TaskOut]
    next_cursor: str | None


class NeedOut(Out):
    """A financing need."""

    need_id: UUID
    visit_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    region_code: str
    amount: YuanOut
    purpose: str
    term_months: int
    state: str
    recorded_on: date

    @classmethod
    def of(cls, row: NeedRow) -> "NeedOut":
        """From the need's row."""
        return cls(
            need_id=row.need_id,
            visit_id=row.visit_id,
            campaign_id=row.campaign_id,
            enterprise_id=row.enterprise_id,
            institution_id=row.institution_id,
            outlet_id=row.outlet_id,
            region_code=row.region_code,
            amount=row.amount_fen,
            purpose=row.purpose,
            term_months=row.term_months,
            state=row.state,
            recorded_on=row.recorded_on,
        )


class NeedPage(Out):
    """A page of needs."""

    items: list[NeedOut]
    next_cursor: str | None


class RefusedMemberOut(Out):
    """A person who may not visit, and why."""

    staff_id: UUID
    problem: str


class RefusalOut(Out):
    """An attempt to visit with people who may not."""

    visit_id: UUID
    institution_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    region_code: str
    visited_on: date
    staff_ids: tuple[UUID, ...]
    refused: tuple[RefusedMemberOut, ...]
    attempts: int
    actor: UUID | None
    first_at: datetime
    last_at: datetime
    recorded_later: bool

    @classmethod
    def of(cls, row: RefusalRow) -> "RefusalOut":
        """From the attempt's row."""
        return cls.model_validate(row)


class RefusalPage(Out):
    """A page of refused attempts."""

    items: list[RefusalOut]
    next_cursor: str | None


class PhotoOut(Out):
    """A kept photo, by the hashes of what came and of what is stored."""

    photo_id: UUID
    sha256: str
    stored_sha256: str
    stored_bytes: int
    width: int
    height: int
    taken_at: str | None

    @classmethod
    def of(cls, photo: Photo) -> "PhotoOut":
        """From the photo's row."""
        return cls(
            photo_id=photo.photo_id,
            sha256=photo.original_sha256.hex(),
            stored_sha256=photo.stored_sha256.hex(),
            stored_bytes=photo.stored_bytes,
            width=photo.width,
            height=photo.height,
            taken_at=photo.capture.taken_at,
        )
