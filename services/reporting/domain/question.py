"""A question to the figures: campaign and quarter, known by when, of which part of the tree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from shared.kernel.errors import NotFound
from shared.kernel.periods import Quarter

Level = Literal["city", "county"]
Axes = Literal["region", "institution", "region,institution"]

_PROVINCE_SPAN: Final = 10_000
_CITY_SPAN: Final = 100


@dataclass(frozen=True, slots=True)
class Counties:
    """The counties of a region: codes from `first` to `last`, both included."""

    first: int
    last: int

    @classmethod
    def of(cls, region_code: str) -> Counties:
        """The counties below a province, a city, or the county itself."""
        code = int(region_code)
        for span in (_PROVINCE_SPAN, _CITY_SPAN):
            if code % span == 0:
                return cls(code, code + span - 1)
        return cls(code, code)

    def contains(self, other: Counties) -> bool:
        """True where all of `other` lies in it."""
        return self.first <= other.first and other.last <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a caller may see: everything, one region, or one institution's rows."""

    region_code: str | None = None
    institution_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to sum. No `known_at`: as known now. No `counties` or `institution_id`: all of them."""

    campaign_id: UUID
    quarter: Quarter
    known_at: datetime | None = None
    counties: Counties | None = None
    institution_id: UUID | None = None


def ask(
    *,
    scope: Scope,
    campaign_id: UUID,
    quarter: Quarter,
    known_at: datetime | None,
    region_code: str | None,
    institution_id: UUID | None,
) -> Question:
    """The question that a caller may ask: narrowed to what it may see.

    Units:   none.
    Raises:  NotFound `figures.unknown`, where it asks for what it may not see.
    Source:  ST-07; what a caller may not see does not exist.
    """
    counties = Counties.of(region_code) if region_code else None
    if scope.region_code:
        own = Counties.of(scope.region_code)
        if counties and not own.contains(counties):
            raise unseen()
        counties = counties or own
    if scope.institution_id:
        if institution_id not in (None, scope.institution_id):
            raise unseen()
        institution_id = scope.institution_id
    return Question(
        campaign_id=campaign_id,
        quarter=quarter,
        known_at=known_at,
        counties=counties,
        institution_id=institution_id,
    )


def unseen() -> NotFound:
    """It does not exist, or not for this caller."""
    return NotFound("figures.unknown", "不存在或无权查看")
