"""Personal data as JSON: who unveiled it, and the data themselves while they are unveiled."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from services.registry.api.schemas import EnterpriseOut
from services.registry.domain.reveals import Purpose
from services.registry.store.persons import Person
from services.registry.store.reveals import Alarm, Reveal
from services.registry.usecases.vault import Revealed
from shared.platform.web import In, Out


class RevealIn(In):
    """Why the person's data are needed."""

    purpose: Purpose
    reason: str = Field(max_length=200)


class RevealedOut(Out):
    """Where the data can be read until `ends_at`, and how much of today's budget is used.

    `subject_id`: the enterprise, or the person of the directory. `enterprise_id` says the same for
    callers who know no other name; new ones read `subject_id`.
    """

    reveal_id: UUID
    subject_id: UUID
    enterprise_id: UUID = Field(json_schema_extra={"deprecated": True})
    purpose: str
    ends_at: datetime
    used_today: int
    budget: int

    @classmethod
    def of(cls, revealed: Revealed) -> "RevealedOut":
        return cls(
            reveal_id=revealed.reveal.reveal_id,
            subject_id=revealed.reveal.subject_id,
            enterprise_id=revealed.reveal.subject_id,
            purpose=revealed.reveal.purpose,
            ends_at=revealed.reveal.ends_at,
            used_today=revealed.used,
            budget=revealed.budget,
        )


class PersonOut(Out):
    """An enterprise's legal representative; of a person of the directory, the name stands there."""

    legal_representative: str
    phone: str
    id_type: str
    id_number: str

    @classmethod
    def of(cls, person: Person) -> "PersonOut":
        return cls(
            legal_representative=person.name,
            phone=person.phone,
            id_type=person.id_type,
            id_number=person.id_number,
        )


class PersonIn(In):
    """What is to be kept of an enterprise's legal representative."""

    legal_representative: str = Field(min_length=1, max_length=100)
    phone: str = Field(default="", max_length=32, pattern=r"^[0-9+\- ]*$")
    id_type: Literal["", "id_card", "passport", "other"] = ""
    id_number: str = Field(default="", max_length=32, pattern=r"^[0-9A-Za-z]*$")


class LookupIn(In):
    """Whose telephone is asked for, and why."""

    phone: str = Field(min_length=5, max_length=32, pattern=r"^[0-9+\- ]+$")
    purpose: Purpose
    reason: str = Field(max_length=200)


class AccessOut(Out):
    """Someone who looked at the person's data."""

    reveal_id: UUID
    at: datetime
    account_id: UUID
    role: str
    institution_id: UUID | None
    purpose: str
    reason: str

    @classmethod
    def of(cls, reveal: Reveal) -> "AccessOut":
        return cls.model_validate(reveal)


class AccessPage(Out):
    """Who looked, the latest first."""

    items: list[AccessOut]
    next_cursor: str | None


class AlarmOut(Out):
    """An account that used up its budget on a day."""

    account_id: UUID
    day: date
    role: str
    institution_id: UUID | None
    at: datetime

    @classmethod
    def of(cls, alarm: Alarm) -> "AlarmOut":
        return cls.model_validate(alarm)


class AlarmList(Out):
    """The newest alarms."""

    items: list[AlarmOut]
    next_cursor: None = None


class LookupOut(Out):
    """The enterprises found, persons masked."""

    items: list[EnterpriseOut]
    next_cursor: None = None
