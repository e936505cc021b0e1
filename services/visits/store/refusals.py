"""Attempts to visit with people who may not: kept for the regulator (JS-12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.visits.domain.model import VisitReport
from services.visits.domain.team import RefusedMember
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction


async def keep(
    report: VisitReport,
    members: Sequence[RefusedMember],
    *,
    institution_id: UUID,
    content_hash: bytes,
    region_code: str,
    tx: Transaction,
) -> None:
    """Write the attempt, or count it again where the same report was refused before."""
    driver = await tx.driver()
    await driver.execute(
        "insert into refused_visit (visit_id, institution_id, content_hash, campaign_id,"
        " enterprise_id, region_code, visited_on, staff_ids, refused_staff_ids, reasons, actor,"
        " first_at, last_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)"
        " on conflict (visit_id, institution_id, content_hash) do update set last_at ="
        " excluded.last_at, attempts = refused_visit.attempts + 1,"
        " refused_staff_ids = excluded.refused_staff_ids, reasons = excluded.reasons",
        report.visit_id,
        institution_id,
        content_hash,
        report.campaign_id,
        report.enterprise_id,
        region_code,
        report.visited_on,
        report.staff_ids,
        [member.staff_id for member in members],
        [member.problem for member in members],
        tx.principal.account_id,
        tx.now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRow:
    """A refused attempt; `recorded_later`: the visit was taken after all, with a right team."""

    visit_id: UUID
    institution_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    region_code: str
    visited_on: date
    staff_ids: tuple[UUID, ...]
    refused: tuple[RefusedMember, ...]
    attempts: int
    actor: UUID | None
    first_at: datetime
    last_at: datetime
    recorded_later: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalFilter:
    """What a list of refused attempts is narrowed to."""

    institution_id: UUID | None = None
    campaign_id: UUID | None = None
    after: tuple[datetime, UUID] | None = None
    limit: int = 100


async def page(tx: Transaction, wanted: RefusalFilter) -> list[RefusalRow]:
    """One more than `limit` attempts, newest first."""
    conditions = Conditions()
    conditions.add_given("r.institution_id = {}", wanted.institution_id)
    conditions.add_given("r.campaign_id = {}", wanted.campaign_id)
    if wanted.after:
        conditions.add("(r.last_at, r.visit_id) < ({}, {})", *wanted.after)
    limit = conditions.bind(wanted.limit + 1)
    driver = await tx.driver()
    rows = await driver.fetch(
        "select r.*, exists (select from visit v where v.visit_id = r.visit_id) as recorded_later"
        f" from refused_visit r{conditions.sql} order by r.last_at desc, r.visit_id desc"
        f" limit {limit}",
        *conditions.values,
    )
    return [
        RefusalRow(
            visit_id=row["visit_id"],
            institution_id=row["institution_id"],
            campaign_id=row["campaign_id"],
            enterprise_id=row["enterprise_id"],
            region_code=row["region_code"],
            visited_on=row["visited_on"],
            staff_ids=tuple(row["staff_ids"]),
            refused=tuple(
                RefusedMember(staff_id, problem)
                for staff_id, problem in zip(row["refused_staff_ids"], row["reasons"], strict=True)
            ),
            attempts=row["attempts"],
            actor=row["actor"],
            first_at=row["first_at"],
            last_at=row["last_at"],
            recorded_later=row["recorded_later"],
        )
        for row in rows
    ]
