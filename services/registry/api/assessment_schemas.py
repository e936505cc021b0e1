"""Facts and judgements as JSON: amounts in yuan, reasons in Chinese."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.registry.domain.facts import CATALOGUE, Right, Stated
from services.registry.domain.verdicts import NOTES, Criterion
from services.registry.store.assessments import Listed, StageSlice
from services.registry.store.facts import StoredSheet
from services.registry.usecases.assessing import Explained, Explanation
from shared.kernel.errors import BadInput
from shared.kernel.money import fen_from_yuan, yuan
from shared.platform.web import In, Out

StandardIn = Literal["tech_sme", "four_tech", "stage"]
VerdictIn = Literal["met", "not_met", "unknown"]


class FactsIn(In):
    """What one source states for one day; amounts are strings of yuan, unknown facts are left out.

    null says that there is none (certificate, award, standard).
    """

    as_of: date
    source: str = Field(min_length=1, max_length=100)
    facts: dict[str, Any] = Field(max_length=40)

    def in_fen(self) -> dict[str, Any]:
        """The facts as they are kept: amounts in fen, rights among them."""
        return {name: _fen(name, value) for name, value in self.facts.items()}


def _fen(name: str, value: Any) -> Any:
    known = CATALOGUE.get(name)
    if known and known.kind == "fen":
        return _yuan_in(value, known.title)
    if known and known.kind == "rights" and isinstance(value, list):
        return [_right_in(each) for each in value]
    return value


def _yuan_in(value: object, title: str) -> int:
    if not isinstance(value, str):
        raise BadInput("facts.format", "数据格式不正确", f"{title}:金额应为以元为单位的字符串")
    return fen_from_yuan(value)


def _right_in(value: Any) -> Any:
    if not isinstance(value, dict) or "pledged_yuan" not in value:
        return value
    pledged = value["pledged_yuan"]
    rest = {name: each for name, each in value.items() if name != "pledged_yuan"}
    fen = None if pledged is None else _yuan_in(pledged, "质押金额")
    return rest | {"pledged_fen": fen}


def shown(name: str, value: Any) -> Any:
    """A fact's value for readers: yuan instead of fen."""
    known = CATALOGUE[name]
    if known.kind == "fen" and isinstance(value, int):
        return yuan(value)
    if known.kind == "rights":
        return [_right_shown(each) for each in value]
    return value


def _right_shown(right: Right | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(right, Right):
        right = {name: getattr(right, name) for name in Right.__struct_fields__}
    pledged = right.get("pledged_fen")
    rest = {name: value for name, value in right.items() if name != "pledged_fen"}
    return rest | {"pledged_yuan": None if pledged is None else yuan(pledged)}


class SheetOut(Out):
    """A sheet of facts as it was stated."""

    sheet_id: UUID
    as_of: date
    source: str
    facts: dict[str, Any]
    recorded_at: datetime

    @classmethod
    def of(cls, sheet: StoredSheet) -> "SheetOut":
        return cls(
            sheet_id=sheet.sheet_id,
            as_of=sheet.as_of,
            source=sheet.source,
            facts={name: shown(name, value) for name, value in sheet.facts.items()},
            recorded_at=sheet.recorded_at,
        )


class SheetList(Out):
    """Sheets, the latest day first."""

    items: list[SheetOut]
    next_cursor: None = None

    @classmethod
    def of(cls, sheets: list[StoredSheet]) -> "SheetList":
        return cls(items=[SheetOut.of(each) for each in sheets])


class FactTypeOut(Out):
    """A fact that can be stated: its name, Chinese title and kind."""

    name: str
    title: str
    kind: str
    nullable: bool


class FactCatalogue(Out):
    """Every fact that can be stated."""

    items: list[FactTypeOut]
    next_cursor: None = None


class AssessIn(In):
    """Judge all enterprises, or those of one list; as of today where no day is given."""

    list_vintage: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    judged_on: date | None = None


class JobStartedOut(Out):
    """Where to watch the job."""

    job_id: UUID


class EvidenceOut(Out):
    """A fact a criterion was judged on, with its day and source."""

    name: str
    title: str
    value: Any
    as_of: date
    source: str

    @classmethod
    def of(cls, stated: Stated) -> "EvidenceOut":
        return cls(
            name=stated.name,
            title=CATALOGUE[stated.name].title,
            value=shown(stated.name, stated.value),
            as_of=stated.as_of,
            source=stated.source,
        )


class CriterionOut(Out):
    """One criterion: met, not met or unknown, and why; `asked` are the facts to supply."""

    key: str
    title: str
    verdict: VerdictIn
    points_low: int | None
    points_high: int | None
    note: str
    facts: list[EvidenceOut]
    asked: list[str]

    @classmethod
    def of(cls, criterion: Criterion, titles: dict[str, str]) -> "CriterionOut":
        low, high = criterion.points or (None, None)
        asked = [
            CATALOGUE[each].title if each in CATALOGUE else "所属行业" for each in criterion.asked
        ]
        return cls(
            key=criterion.key,
            title=titles[criterion.key],
            verdict=criterion.verdict,
            points_low=low,
            points_high=high,
            note=NOTES.get(criterion.note, ""),
            facts=[EvidenceOut.of(each) for each in criterion.facts],
            asked=asked,
        )


class JudgementOut(Out):
    """A result with all its criteria.

    `reproduced`: computing it again from the facts known at `known_at` gives the same, reason by
    reason; false where the enterprise's own record (industry, founding day) has changed since.
    """

    standard: StandardIn
    version: str
    judged_on: date
    known_at: datetime
    verdict: VerdictIn
    points_low: int | None
    points_high: int | None
    phase: str | None
    stage: str | None
    reproduced: bool
    criteria: list[CriterionOut]

    @classmethod
    def of(cls, each: Explanation) -> "JudgementOut":
        stored = each.stored
        return cls.model_validate(
            {name: getattr(stored, name) for name in cls.model_fields if hasattr(stored, name)}
            | {
                "reproduced": each.reproduced,
                "criteria": [
                    CriterionOut.of(one, each.version.titles) for one in each.judgement.criteria
                ],
            }
        )


class StageOut(Out):
    """A stage from a day on: by rule, or overridden by a person with a reason."""

    valid_from: date
    stage: str
    phase: str | None
    source: str
    version: str
    reason: str
    recorded_at: datetime


class StageList(Out):
    """An enterprise's stages, the oldest first."""

    items: list[StageOut]
    next_cursor: None = None

    @classmethod
    def of(cls, stages: list[StageSlice]) -> "StageList":
        return cls(items=[StageOut.model_validate(each) for each in stages])


class PastOut(Out):
    """An earlier result."""

    standard: StandardIn
    known_at: datetime
    judged_on: date
    version: str
    verdict: VerdictIn
    points_low: int | None
    points_high: int | None
    phase: str | None
    stage: str | None


class ExplainedOut(Out):
    """All judgements of an enterprise, its stages, and what was found before."""

    enterprise_id: UUID
    judgements: list[JudgementOut]
    stages: list[StageOut]
    history: list[PastOut]

    @classmethod
    def of(cls, found: Explained) -> "ExplainedOut":
        return cls(
            enterprise_id=found.enterprise_id,
            judgements=[JudgementOut.of(each) for each in found.explanations],
            stages=[StageOut.model_validate(each) for each in found.stages],
            history=[PastOut.model_validate(each) for each in found.history],
        )


class OverrideIn(In):
    """A person's stage, with the reason; `stage` null lifts what a person said before."""

    stage: Literal["cocoon", "butterfly"] | None
    phase: Literal["seed", "start_up", "incubation", "growth", "maturity"] | None = None
    reason: str = Field(min_length=1, max_length=200)


class ListedOut(Out):
    """An enterprise with its result."""

    enterprise_id: UUID
    uscc: str
    name: str
    region_code: str
    judged_on: date
    version: str
    verdict: VerdictIn
    points_low: int | None
    points_high: int | None
    phase: str | None
    stage: str | None

    @classmethod
    def of(cls, listed: Listed) -> "ListedOut":
        return cls.model_validate(listed)


class ListedPage(Out):
    """Results by enterprise."""

    items: list[ListedOut]
    next_cursor: str | None


class VerdictCountOut(Out):
    """How many enterprises have which result by which standard."""

    standard: StandardIn
    verdict: VerdictIn
    enterprises: int


class VerdictCounts(Out):
    """The counts of all results the caller may see."""

    items: list[VerdictCountOut]
    next_cursor: None = None
