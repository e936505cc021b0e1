"""The JSON of returns, claims, hand-overs, suggestions and set capacities."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.allocation.api.schemas import Code, Text
from services.allocation.domain.returns import REASONS
from services.allocation.store.lifecycle import Return, SetCapacity
from shared.platform.web import In, Out

Note = Annotated[str, Field(max_length=500)]
ReturnState = Literal["open", "overdue", "decided", "all"]


class ReturnIn(In):
    """Why an enterprise should be taken back."""

    reason_code: Code
    note: Note = ""


class DecisionIn(In):
    """The bureau's decision on a return."""

    granted: bool
    note: Note = ""


class ReturnOut(Out):
    """A return; `due_on` is the last working day for the decision."""

    return_id: UUID
    assignment_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    region_code: str
    reason_code: str
    reason: str
    note: str
    asked_on: date
    due_on: date
    decided_on: date | None
    granted: bool | None
    decision_note: str | None

    @classmethod
    def of(cls, one: Return) -> "ReturnOut":
        """From the return."""
        names = set(cls.model_fields) - {"reason"}
        return cls(reason=REASONS[one.reason_code], **{name: getattr(one, name) for name in names})


class ReturnReasonOut(Out):
    """Why an enterprise may be given back."""

    code: str
    title: str


class ReturnReasonList(Out):
    """All reasons there are."""

    items: list[ReturnReasonOut]
    next_cursor: None = None


class ReturnPage(Out):
    """Returns by id."""

    items: list[ReturnOut]
    next_cursor: str | None


class ClaimIn(In):
    """An enterprise to take on outside the own list."""

    campaign_id: UUID
    enterprise_id: UUID
    outlet_id: UUID | None = None
    staff_id: UUID | None = None


class ClaimOut(Out):
    """A claim."""

    claim_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    region_code: str
    outlet_id: UUID | None
    staff_id: UUID | None
    claimed_on: date
    ended_on: date | None


class ClaimPage(Out):
    """Claims by id."""

    items: list[ClaimOut]
    next_cursor: str | None


class HandOverIn(In):
    """From one person to another at an outlet of the same institution."""

    from_staff_id: UUID
    to_staff_id: UUID
    to_outlet_id: UUID


class SuggestionOut(Out):
    """A contact that might be named; `load` with this one counted. null: nobody on the roster."""

    assignment_id: UUID
    outlet_id: UUID | None
    staff_id: UUID | None
    at_nearest: bool
    load: int


class SuggestionPage(Out):
    """Suggestions by assignment."""

    items: list[SuggestionOut]
    next_cursor: str | None = None


class SetCapacityIn(In):
    """What an institution can take in a city, and why the bureau says so."""

    city_code: Annotated[str, Field(pattern=r"^\d{4}00$")]
    institution_id: UUID
    capacity: Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
    reason: Annotated[Text, Field(max_length=200)]


class SetCapacitiesIn(In):
    """Capacities to set."""

    rows: Annotated[tuple[SetCapacityIn, ...], Field(min_length=1, max_length=1_000)]

    def capacities(self) -> tuple[SetCapacity, ...]:
        """The rows as the store takes them."""
        return tuple(SetCapacity(**one.model_dump()) for one in self.rows)


class SetCapacityOut(Out):
    """A capacity that was set."""

    city_code: str
    institution_id: UUID
    capacity: int
    reason: str


class SetCapacityPage(Out):
    """Capacities that were set, by city."""

    items: list[SetCapacityOut]
    next_cursor: str | None = None

    @classmethod
    def of(cls, rows: list[SetCapacity]) -> "SetCapacityPage":
        """From the rows."""
        return cls(items=[SetCapacityOut.model_validate(one) for one in rows])
