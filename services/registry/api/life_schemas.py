"""Mergers, names and dispositions as JSON."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from services.registry.domain.life import Disposition
from services.registry.store.life import DispositionRecord, Merger, Namesakes
from services.registry.usecases.life import Named
from shared.platform.web import In, Out

Reason = Field(min_length=1, max_length=500)


class MergeIn(In):
    """Which two are one, from which day on, and why."""

    survivor_id: UUID
    merged_id: UUID
    merged_on: date
    reason: str = Reason


class UndoIn(In):
    """Why it was an error."""

    reason: str = Reason


class MergerOut(Out):
    """A merger; undone where `undone_on` is given."""

    merger_id: UUID
    survivor_id: UUID
    merged_id: UUID
    merged_on: date
    reason: str
    recorded_by: str
    recorded_at: datetime
    undone_on: date | None
    undone_reason: str | None
    undone_by: str | None

    @classmethod
    def of(cls, merger: Merger) -> "MergerOut":
        return cls.model_validate(merger)


class MergerList(Out):
    """The mergers an enterprise had part in, the latest first."""

    items: list[MergerOut]
    next_cursor: None = None


class NamesakesOut(Out):
    """Enterprises of one name with different credit codes."""

    name: str
    enterprise_ids: list[UUID]
    usccs: list[str]

    @classmethod
    def of(cls, found: Namesakes) -> "NamesakesOut":
        return cls.model_validate(found)


class NamesakesPage(Out):
    """Names that several enterprises bear, by name."""

    items: list[NamesakesOut]
    next_cursor: str | None


class RenameIn(In):
    """The new name, from which day on, and why."""

    name: str = Field(min_length=1, max_length=200)
    valid_from: date
    reason: str = Reason


class FormerNameOut(Out):
    """A name an enterprise had until a day."""

    name: str
    valid_to: date
    reason: str


class NamesOut(Out):
    """The names of an enterprise: now, and before."""

    enterprise_id: UUID
    name: str
    version: int
    former_names: list[FormerNameOut]

    @classmethod
    def of(cls, named: Named) -> "NamesOut":
        return cls(
            enterprise_id=named.enterprise.enterprise_id,
            name=named.enterprise.name,
            version=named.enterprise.version,
            former_names=[FormerNameOut.model_validate(each) for each in named.former_names],
        )


class DispositionIn(In):
    """How the enterprise was found, since when, and the evidence for it."""

    kind: Disposition
    disposed_on: date
    evidence: str = Field(min_length=1, max_length=1000)


class DecisionIn(In):
    """Agree, or refuse, and why."""

    approve: bool
    reason: str = Reason


class DispositionOut(Out):
    """A disposition; `state`: claimed, approved, refused."""

    disposition_id: UUID
    enterprise_id: UUID
    kind: str
    disposed_on: date
    evidence: str
    state: str
    claimed_by: str
    institution_id: UUID | None
    claimed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None

    @classmethod
    def of(cls, record: DispositionRecord) -> "DispositionOut":
        return cls.model_validate(record)


class DispositionPage(Out):
    """Dispositions, the oldest first."""

    items: list[DispositionOut]
    next_cursor: str | None
