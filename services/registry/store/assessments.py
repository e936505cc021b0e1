"""Judgements and stages: what was found when, and what holds now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.registry.domain.verdicts import Judgement
from services.registry.store.bulk import add, execute, fetch
from services.registry.store.queries import scope
from shared.platform.database import Transaction

_COLUMNS = (
    "enterprise_id", "standard", "known_at", "judged_on", "version", "verdict", "points_low",
    "points_high", "phase", "stage", "digest",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Assessment:
    """A stored result."""

    enterprise_id: UUID
    standard: str
    known_at: datetime
    judged_on: date
    version: str
    verdict: str
    points_low: int | None
    points_high: int | None
    phase: str | None
    stage: str | None
    digest: bytes


@dataclass(frozen=True, slots=True)
class StageSlice:
    """The stage an enterprise is in from a day on."""

    valid_from: date
    stage: str
    phase: str | None
    source: str
    version: str
    reason: str
    recorded_at: datetime


async def current(
    tx: Transaction, enterprise_ids: Sequence[UUID]
) -> dict[tuple[UUID, str], Assessment]:
    """The latest judgement of each of the enterprises by each standard."""
    rows = await fetch(
        tx,
        f"select {', '.join(_COLUMNS)} from assessment"
        " where current and enterprise_id = any($1::uuid[])",
        list(enterprise_ids),
    )
    return {(row["enterprise_id"], row["standard"]): Assessment(*row) for row in rows}


async def history(tx: Transaction, enterprise_id: UUID) -> list[Assessment]:
    """All judgements of an enterprise, the latest first."""
    rows = await fetch(
        tx,
        f"select {', '.join(_COLUMNS)} from assessment where enterprise_id = $1"
        " order by standard, known_at desc",
        enterprise_id,
    )
    return [Assessment(*row) for row in rows]


async def put(tx: Transaction, found: Sequence[tuple[UUID, Judgement, bytes]]) -> None:
    """Make these the current judgements; those before stay as history."""
    if not found:
        return
    await execute(
        tx,
        "update assessment a set current = false from unnest($1::uuid[], $2::text[])"
        " as n(enterprise_id, standard) where a.current and a.enterprise_id = n.enterprise_id"
        " and a.standard = n.standard",
        [each for each, _, _ in found],
        [judgement.standard for _, judgement, _ in found],
    )
    await add(
        tx,
        "assessment",
        _COLUMNS,
        [
            (
                enterprise_id,
                judgement.standard,
                tx.now,
                judgement.judged_on,
                judgement.version,
                judgement.verdict,
                *(judgement.points or (None, None)),
                judgement.phase,
                judgement.stage,
                digest,
            )
            for enterprise_id, judgement, digest in found
        ],
    )


async def latest_stages(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, StageSlice]:
    """The stage entered last for each of the enterprises."""
    rows = await fetch(
        tx,
        "select distinct on (enterprise_id) enterprise_id, valid_from, stage, phase, source,"
        " version, reason, recorded_at from enterprise_stage where enterprise_id = any($1::uuid[])"
        " order by enterprise_id, valid_from desc",
        list(ids),
    )
    return {row[0]: StageSlice(*row[1:]) for row in rows}


async def stages_of(tx: Transaction, enterprise_id: UUID) -> list[StageSlice]:
    """An enterprise's stages, the oldest first."""
    rows = await fetch(
        tx,
        "select valid_from, stage, phase, source, version, reason, recorded_at"
        " from enterprise_stage where enterprise_id = $1 order by valid_from",
        enterprise_id,
    )
    return [StageSlice(*row) for row in rows]


async def put_stages(tx: Transaction, stages: Sequence[tuple[UUID, StageSlice]]) -> None:
    """Enter stages; one entered for the same day before is replaced."""
    await execute(
        tx,
        "insert into enterprise_stage (enterprise_id, valid_from, stage, phase, source, version,"
        " reason, recorded_at, recorded_by) select n.*, $8::timestamptz, $9::text from"
        " unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::text[], $6::text[],"
        " $7::text[]) as n on conflict (enterprise_id, valid_from) do update set"
        " stage = excluded.stage, phase = excluded.phase, source = excluded.source,"
        " version = excluded.version, reason = excluded.reason,"
        " recorded_at = excluded.recorded_at, recorded_by = excluded.recorded_by",
        [each for each, _ in stages],
        [stage.valid_from for _, stage in stages],
        [stage.stage for _, stage in stages],
        [stage.phase for _, stage in stages],
        [stage.source for _, stage in stages],
        [stage.version for _, stage in stages],
        [stage.reason for _, stage in stages],
        tx.now,
        tx.principal.name,
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A judgement in a list, with the enterprise it is of."""

    enterprise_id: UUID
    uscc: str
    name: str
    region_code: str
    judged_on: date
    version: str
    verdict: str
    points_low: int | None
    points_high: int | None
    phase: str | None
    stage: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedAssessments:
    """Which judgements are asked for; what is None does not matter."""

    standard: str
    verdict: str | None = None
    region: str | None = None
    list_vintage: str | None = None
    after: UUID | None = None
    limit: int = 50


async def find_assessments(tx: Transaction, wanted: WantedAssessments) -> list[Listed]:
    """Current judgements of enterprises the caller may see; one more than asked for."""
    condition, parameters = scope(tx.principal)
    sql = (
        "select e.enterprise_id, e.uscc, e.name, e.region_code, a.judged_on, a.version,"
        " a.verdict, a.points_low, a.points_high, a.phase, a.stage"
        " from assessment a join enterprise e using (enterprise_id)"
        f" where a.current and a.standard = :standard and {condition}"
        " and (cast(:verdict as text) is null or a.verdict = :verdict)"
        " and (cast(:region as text) is null or e.region_code like :region)"
        " and (cast(:vintage as text) is null or exists (select from list_member m where"
        " m.list_vintage = :vintage and m.enterprise_id = e.enterprise_id))"
        " and (cast(:after as uuid) is null or a.enterprise_id > :after)"
        " order by a.enterprise_id limit :limit"
    )
    values: dict[str, Any] = parameters | {
        "standard": wanted.standard,
        "verdict": wanted.verdict,
        "region": wanted.region and _prefix(wanted.region),
        "vintage": wanted.list_vintage,
        "after": wanted.after,
        "limit": wanted.limit + 1,
    }
    found = await tx.connection.execute(text(sql), values)
    return [Listed(*row) for row in found]


async def count_by_verdict(tx: Transaction) -> list[tuple[str, str, int]]:
    """How many enterprises the caller may see have which result: standard, verdict, count."""
    condition, parameters = scope(tx.principal)
    found = await tx.connection.execute(
        text(
            "select a.standard, a.verdict, count(*) from assessment a"
            f" join enterprise e using (enterprise_id) where a.current and {condition}"
            " group by a.standard, a.verdict order by a.standard, a.verdict"
        ),
        parameters,
    )
    return [tuple(row) for row in found]


def _prefix(code: str) -> str:
    return (code.removesuffix("0000") if code.endswith("0000") else code.removesuffix("00")) + "%"
