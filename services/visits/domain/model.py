"""The values visits are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

IntervieweeRole = Literal["legal_representative", "actual_controller", "other"]
Purpose = Literal["working_capital", "equipment", "research", "premises", "other"]
StaffRole = Literal["branch_head", "relationship_manager"]
MissingPart = Literal["photo", "place", "interviewee"]
TaskState = Literal["due", "overdue", "visited"]
VoidReason = Literal[
    "duplicate", "wrong_enterprise", "wrong_data", "not_visited", "photo_not_genuine", "other"
]


@dataclass(frozen=True, slots=True)
class Interviewee:
    """Whom the team spoke with; the name is personal data and stays in its own column."""

    role: IntervieweeRole
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the phone says the team was, WGS-84, with the phone's own accuracy."""

    longitude: float
    latitude: float
    accuracy_m: float


@dataclass(frozen=True, slots=True)
class Need:
    """The financing the enterprise asks for (JS-20)."""

    amount_fen: int
    purpose: Purpose
    term_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitReport:
    """What a team reports; nothing in it has been checked against what the platform knows."""

    visit_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    visited_on: date
    started_at: datetime | None
    staff_ids: tuple[UUID, ...]
    interviewee: Interviewee | None
    place: Place | None
    photo_ids: tuple[UUID, ...]
    told_campaign: bool
    told_qr: bool
    need: Need | None
    note: str | None


@dataclass(frozen=True, slots=True)
class RosterPeriod:
    """A stretch of a person on a bank's roster; `valid_to` is the last day, None: still there."""

    staff_id: UUID
    valid_from: date
    valid_to: date | None
    institution_id: UUID
    outlet_id: UUID
    role: StaffRole


@dataclass(frozen=True, slots=True)
class CampaignDates:
    """The campaign's days a visit is judged by."""

    opens_on: date
    visits_from: date
    visits_until: date
    closed_on: date | None = None


@dataclass(frozen=True, slots=True)
class Assigned:
    """The assignment a visit is made under."""

    assignment_id: UUID
    region_code: str | None
    assigned_on: date | None


@dataclass(frozen=True, slots=True)
class EnterprisePlace:
    """Where the enterprise is on the visit day; only precision `point` is a building."""

    region_code: str
    longitude: float
    latitude: float
    precision: str


@dataclass(frozen=True, slots=True)
class PhotoFact:
    """A photo the report names; `seen_before`: the same file serves another visit, too."""

    photo_id: UUID
    visit_id: UUID | None
    seen_before: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """A visit that already has this id."""

    institution_id: UUID
    content_hash: bytes
    missing: tuple[str, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """All that one report is judged against, as the caller's institution may know it."""

    recorded: Recorded | None
    campaign: CampaignDates | None
    assignment: Assigned | None
    place: EnterprisePlace | None
    roster: Sequence[RosterPeriod]
    photos: Mapping[UUID, PhotoFact]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules make of a report."""

    assignment_id: UUID
    outlet_id: UUID
    region_code: str
    missing: tuple[MissingPart, ...]
    flags: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether it counts as coverage (JS-10)."""
        return not self.missing
