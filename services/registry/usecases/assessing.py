"""Judge enterprises: one, explained, or all of a list as a job."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from services.registry.domain.facts import read_values
from services.registry.domain.four_tech import judge_four_tech
from services.registry.domain.stages import changes_on, judge_stage
from services.registry.domain.standards import Version, version_named, version_on
from services.registry.domain.tech_sme import judge_tech_sme
from services.registry.domain.verdicts import Judgement
from services.registry.store import assessments as store
from services.registry.store import facts as fact_store
from services.registry.store.assessments import Assessment, StageSlice
from services.registry.store.facts import Judged, StoredSheet
from services.registry.store.queries import find_enterprise
from shared.contracts.registry import EnterpriseAssessed, StageAssessed
from shared.kernel.errors import BadInput, NotFound, RuleViolation
from shared.kernel.ids import new_id
from shared.platform.database import Transaction
from shared.platform.jobs import Work, start_job

CHUNK: Final = 5_000
_ENCODE: Final = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of the three standards to judge by."""

    tech_sme: Version
    four_tech: Version
    stage: Version

    @classmethod
    def on(cls, day: date) -> "Versions":
        """Those in force on a day."""
        return cls(
            version_on("tech_sme", day), version_on("four_tech", day), version_on("stage", day)
        )


def judge(each: Judged, versions: Versions, day: date) -> tuple[Judgement, ...]:
    """All judgements of one enterprise."""
    return (
        judge_tech_sme(each.facts, versions.tech_sme, day),
        judge_four_tech(each.facts, versions.four_tech, day, each.industry_code),
        judge_stage(each.facts, versions.stage, day),
    )


def digest_of(judgement: Judgement) -> bytes:
    """What stands for a judgement with all its reasons; the day itself is no reason."""
    content = (
        judgement.version, judgement.verdict, judgement.phase, judgement.stage, judgement.criteria,
    )  # fmt: skip
    return hashlib.blake2b(_ENCODE(content), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFacts:
    """Facts of one enterprise as one source stated them for a day."""

    enterprise_id: UUID
    as_of: date
    source: str
    facts: dict[str, Any]


async def state_facts(command: StateFacts, tx: Transaction) -> list[StoredSheet]:
    """Keep a sheet of facts. Nothing is overwritten: of one day the latest statement counts.

    Raises: NotFound `enterprise.unknown`; BadInput `facts.*`, RuleViolation `facts.in_future`.
    """
    await _must_exist(tx, command.enterprise_id)
    if command.as_of > tx.today:
        raise RuleViolation("facts.in_future", "数据日期不能晚于今天")
    if not command.facts:
        raise BadInput("facts.empty", "没有填写任何数据")
    read_values(command.facts)
    sheet = (new_id(), command.enterprise_id, command.as_of, command.source, command.facts)
    await fact_store.add_sheets(tx, [sheet])
    tx.audit(
        "facts.stated",
        command.enterprise_id,
        after={"as_of": command.as_of, "source": command.source, "facts": sorted(command.facts)},
    )
    return await fact_store.sheets_of(tx, command.enterprise_id)


async def list_facts(tx: Transaction, enterprise_id: UUID) -> list[StoredSheet]:
    """What was filed for an enterprise."""
    await _must_exist(tx, enterprise_id)
    return await fact_store.sheets_of(tx, enterprise_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAssessment:
    """Judge all enterprises, or those of a list, as of a day (today, where none is given)."""

    list_vintage: str | None
    judged_on: date | None


async def start_assessment(command: StartAssessment, tx: Transaction) -> UUID:
    """Queue the judging of many.

    Raises: RuleViolation `assessment.in_future`; BadInput `standard.not_in_force`.
    """
    day = command.judged_on or tx.today
    if day > tx.today:
        raise RuleViolation("assessment.in_future", "评价日期不能晚于今天")
    Versions.on(day)
    job_id = await start_job(
        tx, "assess", {"list_vintage": command.list_vintage, "judged_on": day.isoformat()}
    )
    tx.audit("assessment.started", job_id, after={"list_vintage": command.list_vintage})
    return job_id


async def run_assessment(work: Work) -> dict[str, Any]:
    """Judge chunk after chunk; a job that begins again finds nothing to change in those done."""
    vintage: str | None = work.params["list_vintage"]
    day = date.fromisoformat(work.params["judged_on"])
    versions, after, judged, changed = Versions.on(day), None, 0, 0
    while True:
        async with work.transaction() as tx:
            rows = await fact_store.enterprises_to_judge(
                tx, after=after, vintage=vintage, limit=CHUNK
            )
            if not rows:
                break
            changed += await _judge_rows(tx, rows, versions, day)
        after, judged = rows[-1][0], judged + len(rows)
        # Ids are spread evenly, so the place of the last one is the share of the work done.
        await work.progress(min(after.int / 2**128, 0.99), f"已评价 {judged} 户")
    return {"judged": judged, "changed": changed}


async def assess_one(enterprise_id: UUID, tx: Transaction) -> "Explained":
    """Judge one enterprise now and keep the result.

    Raises: NotFound `enterprise.unknown`.
    """
    await _must_exist(tx, enterprise_id)
    rows = await fact_store.one_to_judge(tx, enterprise_id)
    await _judge_rows(tx, rows, Versions.on(tx.today), tx.today)
    return await explain(tx, enterprise_id)


async def _judge_rows(tx: Transaction, rows: Sequence[Any], versions: Versions, day: date) -> int:
    ids = [row[0] for row in rows]
    known = await fact_store.with_facts(tx, rows, day=day, known_at=tx.now)
    before = await store.current(tx, ids)
    stages = await store.latest_stages(tx, ids)
    found: list[tuple[UUID, Judgement, bytes]] = []
    entered: list[tuple[UUID, StageSlice]] = []
    for each in known:
        for judgement in judge(each, versions, day):
            digest, last = (
                digest_of(judgement),
                before.get((each.enterprise_id, judgement.standard)),
            )
            if last is None or last.digest != digest:
                found.append((each.enterprise_id, judgement, digest))
                _announce(tx, each.enterprise_id, judgement, last)
            if judgement.stage and (
                new := _new_stage(judgement, stages.get(each.enterprise_id), tx, day)
            ):
                entered.append((each.enterprise_id, new))
    await store.put(tx, found)
    await _enter_stages(tx, entered)
    return len(found)


def _announce(
    tx: Transaction, enterprise_id: UUID, found: Judgement, last: Assessment | None
) -> None:
    """Say it where the result is another one; new evidence for the same result is no news.

    Nor is "unknown" where nothing was known before.
    """
    points = found.points[0] if found.points else None
    said = (found.verdict, points, found.version)
    before = (last.verdict, last.points_low, last.version) if last else None
    nothing = before is None and found.verdict == "unknown"
    if found.standard == "stage" or nothing or said == before:
        return
    tx.emit(
        EnterpriseAssessed(
            enterprise_id=enterprise_id,
            standard=found.standard,  # pyright: ignore[reportArgumentType]
            verdict=found.verdict,
            points=points,
            version=found.version,
            judged_on=found.judged_on,
        )
    )


def _new_stage(
    found: Judgement, last: StageSlice | None, tx: Transaction, day: date
) -> StageSlice | None:
    """The stage to enter; None where it is the one entered last, or a person has overridden it."""
    if last and (
        last.source == "override" or (last.stage, last.phase) == (found.stage, found.phase)
    ):
        return None
    starts = changes_on(day, first=last is None)
    if last and starts <= last.valid_from:
        return None
    return StageSlice(starts, found.stage or "", found.phase, "rule", found.version, "", tx.now)


async def _enter_stages(tx: Transaction, entered: Sequence[tuple[UUID, StageSlice]]) -> None:
    if not entered:
        return
    await store.put_stages(tx, entered)
    tx.emit(
        *(
            StageAssessed(
                enterprise_id=enterprise_id,
                stage=stage.stage,  # pyright: ignore[reportArgumentType]
                phase=stage.phase,  # pyright: ignore[reportArgumentType]
                source=stage.source,  # pyright: ignore[reportArgumentType]
                version=stage.version,
                valid_from=stage.valid_from,
            )
            for enterprise_id, stage in entered
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideStage:
    """A person says which stage an enterprise is in, or lifts what was said (`stage` None)."""

    enterprise_id: UUID
    stage: str | None
    phase: str | None
    reason: str


async def override_stage(command: OverrideStage, tx: Transaction) -> list[StageSlice]:
    """Enter a person's stage from the day after today; judgements by rule then leave it alone.

    Raises: NotFound `enterprise.unknown`; BadInput `stage.reason_missing`, `stage.phase_of_other`;
    RuleViolation `stage.not_overridden`, `stage.unknown`.
    """
    await _must_exist(tx, command.enterprise_id)
    if not command.reason.strip():
        raise BadInput("stage.reason_missing", "请填写调整原因")
    last = (await store.latest_stages(tx, [command.enterprise_id])).get(command.enterprise_id)
    if command.stage is None:
        new = await _lifted(command, last, tx)
    else:
        version = version_on("stage", tx.today)
        if command.phase and version["families"][command.phase] != command.stage:
            raise BadInput("stage.phase_of_other", "阶段与所属期不一致")
        starts = changes_on(tx.today, first=last is None)
        new = StageSlice(
            starts, command.stage, command.phase, "override", version.id,
            command.reason.strip(), tx.now,
        )  # fmt: skip
    await _enter_stages(tx, [(command.enterprise_id, new)])
    tx.audit(
        "stage.overridden" if command.stage else "stage.override_lifted",
        command.enterprise_id,
        before={"stage": last.stage, "phase": last.phase} if last else None,
        after={"stage": new.stage, "phase": new.phase, "valid_from": new.valid_from},
    )
    return await store.stages_of(tx, command.enterprise_id)


async def _lifted(command: OverrideStage, last: StageSlice | None, tx: Transaction) -> StageSlice:
    if last is None or last.source != "override":
        raise RuleViolation("stage.not_overridden", "当前阶段不是人工调整的")
    rows = await fact_store.one_to_judge(tx, command.enterprise_id)
    (each,) = await fact_store.with_facts(tx, rows, day=tx.today, known_at=tx.now)
    found = judge_stage(each.facts, version_on("stage", tx.today), tx.today)
    if found.stage is None:
        raise RuleViolation("stage.unknown", "现有数据不足以判定阶段,不能取消人工调整")
    starts = changes_on(tx.today, first=False)
    return StageSlice(
        starts, found.stage, found.phase, "rule", found.version, command.reason.strip(), tx.now
    )


@dataclass(frozen=True, slots=True)
class Explanation:
    """A stored result and the judgement computed again; `reproduced`: all reasons agree."""

    stored: Assessment
    judgement: Judgement
    version: Version
    reproduced: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """All that is judged of an enterprise, with its stages."""

    enterprise_id: UUID
    explanations: list[Explanation]
    stages: list[StageSlice]
    history: list[Assessment]


async def explain(tx: Transaction, enterprise_id: UUID) -> Explained:
    """The current judgements of an enterprise with every reason, from the facts known then.

    Raises: NotFound `enterprise.unknown`.
    """
    await _must_exist(tx, enterprise_id)
    history = await store.history(tx, enterprise_id)
    latest: dict[str, Assessment] = {}
    for each in history:
        latest.setdefault(each.standard, each)
    rows = await fact_store.one_to_judge(tx, enterprise_id)
    explanations = [await _explain(tx, each, rows) for each in latest.values()]
    stages = await store.stages_of(tx, enterprise_id)
    return Explained(enterprise_id, explanations, stages, history)


async def _explain(tx: Transaction, stored: Assessment, rows: Sequence[Any]) -> Explanation:
    day = stored.judged_on
    (each,) = await fact_store.with_facts(tx, rows, day=day, known_at=stored.known_at)
    named = version_named(stored.standard, stored.version)  # pyright: ignore[reportArgumentType]
    match stored.standard:
        case "tech_sme":
            found = judge_tech_sme(each.facts, named, day)
        case "four_tech":
            found = judge_four_tech(each.facts, named, day, each.industry_code)
        case _:
            found = judge_stage(each.facts, named, day)
    return Explanation(stored, found, named, digest_of(found) == stored.digest)


async def _must_exist(tx: Transaction, enterprise_id: UUID) -> None:
    if await find_enterprise(tx, enterprise_id) is None:
        raise NotFound("enterprise.unknown", "没有这家企业,或不在您的管辖范围内")
